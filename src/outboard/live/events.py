"""The event that a person means: a file with one, or data to make one of. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from outboard.errors import CommandError
from outboard.gojson.rawjson import JsonTextError
from outboard.gojson.values import Json
from outboard.sidecar.events.received import parse_event
from outboard.wire.dapr import DEFAULT_SOURCE, EVENT_TYPE

__all__ = ["as_json", "event_in", "is_cloud_event", "missing_attributes"]

REQUIRED: Final = frozenset({"specversion", "id", "source", "type"})


def is_cloud_event(value: object) -> bool:
    """Whether it has what each CloudEvent must have."""
    return isinstance(value, dict) and value.keys() >= REQUIRED


def missing_attributes(value: object) -> list[str]:
    """What an object that looks like a CloudEvent, as it has a `specversion`, lacks of one."""
    if not isinstance(value, dict) or "specversion" not in value:
        return []
    return sorted(REQUIRED - value.keys())


def as_json(data: bytes) -> Json:
    """The JSON value that `data` is; raises ValueError where it is none."""
    value: Json = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    return value


def event_in(content: bytes, name: str) -> Mapping[str, Json]:
    """The CloudEvent in a file, as rules see it: every number a float. What is none is the data of one.

    Raises CommandError, which names the file.
    """
    try:
        event = parse_event(content)
    except JsonTextError as error:
        raise CommandError(
            f"{name} is no JSON object: {error}", "Give a CloudEvent, or the data of one."
        ) from error
    if is_cloud_event(event):
        return event
    return {"specversion": "1.0", "id": "", "source": DEFAULT_SOURCE, "type": EVENT_TYPE, "data": dict(event)}


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON")
