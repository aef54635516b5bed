"""The event that a person means: a file with one, or data to make one of. Pure."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Final

from outboard.errors import CommandError
from outboard.gojson.rawjson import JsonTextError
from outboard.gojson.values import Json
from outboard.sidecar.events.received import parse_event
from outboard.wire.dapr import DEFAULT_SOURCE, EVENT_TYPE

__all__ = ["as_json", "as_utf8", "event_in", "is_cloud_event", "missing_attributes"]

REQUIRED: Final = frozenset({"specversion", "id", "source", "type"})
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def is_cloud_event(value: object) -> bool:
    """Whether it has what each CloudEvent must have."""
    return isinstance(value, dict) and value.keys() >= REQUIRED


def missing_attributes(value: object) -> list[str]:
    """What an object that looks like a CloudEvent, as it has a `specversion`, lacks of one."""
    if not isinstance(value, dict) or "specversion" not in value:
        return []
    return sorted(REQUIRED - value.keys())


def as_utf8(content: bytes) -> bytes:
    """The JSON of a file that begins with a mark of its encoding, as editors of Windows and the `>` of its
    PowerShell write it, in UTF-8 without one; anything else as it is.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            try:
                text = content.removeprefix(mark).decode(encoding).encode("utf-8")
                as_json(text)
            except ValueError:
                return content
            return text
    return content


def as_json(data: bytes) -> Json:
    """The JSON value that `data` is; raises ValueError where it is none, or nested too deeply to be read."""
    try:
        value: Json = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply to be read") from None
    return value


def event_in(content: bytes, name: str) -> Mapping[str, Json]:
    """The CloudEvent in a file, as rules see it: every number a float. What is none is the data of one.

    Raises CommandError, which names the file.
    """
    try:
        event = parse_event(as_utf8(content))
    except JsonTextError as error:
        raise CommandError(
            f"{name} is no JSON object: {error}", "Give a CloudEvent, or the data of one."
        ) from error
    if is_cloud_event(event):
        return event
    return {"specversion": "1.0", "id": "", "source": DEFAULT_SOURCE, "type": EVENT_TYPE, "data": dict(event)}


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON")
