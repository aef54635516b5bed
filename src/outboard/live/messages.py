"""A message that was seen on a topic, as a line for a person and as JSON. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outboard.gojson.values import Json
from outboard.live.events import as_json, is_cloud_event

__all__ = ["TailedMessage", "message_line", "message_object"]


PLACE: Final = ("__partition", "__offset")


@dataclass(frozen=True, slots=True)
class TailedMessage:
    """One message as it lies on the topic, seen at `at`."""

    topic: str
    data: bytes
    metadata: Mapping[str, str]
    at: datetime


def message_line(message: TailedMessage) -> str:
    """Time, place and, of a CloudEvent, its id, type, source and data; else what lies there."""
    value = _value(message.data)
    at = message.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    place = "/".join(message.metadata[name] for name in PLACE if name in message.metadata)
    parts = [at, *([place] if place else [])]
    if not is_cloud_event(value) or not isinstance(value, dict):
        return " ".join([*parts, _text(message.data)])
    ids = [f"{name}={value[name]}" for name in ("partitionkey", "correlationid") if name in value]
    head = [str(value["id"]), str(value["type"]), f"from {value['source']}", *ids]
    return _printable(" ".join([*parts, *head, _data(value)]))


def message_object(message: TailedMessage) -> Json:
    """`event` holds the JSON value that lies there; `data_base64` the bytes where it is none."""
    told: dict[str, Json] = {
        "at": message.at.isoformat(),
        "topic": message.topic,
        "metadata": dict(message.metadata),
    }
    value = _value(message.data)
    if isinstance(value, _NoJson):
        return {**told, "data_base64": base64.b64encode(message.data).decode("ascii")}
    return {**told, "event": value}


class _NoJson:
    """In the place of a value where there is none."""


def _value(data: bytes) -> Json | _NoJson:
    try:
        return as_json(data)
    except ValueError:
        return _NoJson()


def _data(event: Mapping[str, Json]) -> str:
    if "data_base64" in event:
        return f"(base64) {event['data_base64']}"
    return json.dumps(event.get("data"), ensure_ascii=False)


def _printable(line: str) -> str:
    """Without what would move the cursor of a terminal, or turn its text round."""
    return line if line.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in line)


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(data)} bytes) {data[:64].hex(' ')}"
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)
