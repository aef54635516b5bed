"""What a broker delivers, read as a CloudEvent.

Pure. Nothing is validated, as in daprd. Source: CloudEvents 1.0, JSON format and Kafka protocol binding.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from outboard.gojson.rawjson import JsonTextError, members, raw_value
from outboard.gojson.utf8 import text_of
from outboard.gojson.values import Json
from outboard.sidecar.events.envelope import OCTET_STREAM, SPEC_VERSION
from outboard.wire import dapr

__all__ = [
    "PUBSUB_NAME",
    "TRACE_FIELDS",
    "Incoming",
    "add_trace",
    "from_headers",
    "from_raw_payload",
    "has_expired",
    "parse_event",
]

BINARY_HEADER: Final = "ce_"
TRACE_FIELDS: Final = ("traceid", "traceparent", "tracestate")
PUBSUB_NAME: Final = "pubsubName"
"""The name of the metadata in which the app is told the pub/sub component."""


class Incoming(NamedTuple):
    """An event that came to `topic`, for `path` of the app. `data` is the body as it is sent over HTTP.

    `event` is the event in it, with every number a double. Where it is not `whole`, it has at least the `id`
    and what tells the trace, and numbers are as they may be.
    """

    event: Mapping[str, Json]
    data: bytes
    path: str
    topic: str = ""
    whole: bool = True


def parse_event(data: bytes) -> dict[str, Json]:
    """The CloudEvent that lies on a topic. It must be a JSON object; nothing else is checked, as in daprd.

    Raises JsonTextError.
    """
    text = text_of(data)
    try:
        event: Json = json.loads(text, parse_int=_as_double, parse_float=_as_double, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise JsonTextError(_why(text, error)) from error
    if event is None:  # a tombstone: daprd reads it as an object without members
        return {}
    if not isinstance(event, dict):
        members(text)  # words the error
        raise JsonTextError("not a JSON object")
    return event


def _as_double(digits: str) -> float:
    number = float(digits)  # rules see every number as a double, as in daprd
    if math.isinf(number):
        raise JsonTextError(f"json: cannot unmarshal number {digits} into Go value of type float64")
    return number


def _refuse(constant: str) -> Json:
    raise JsonTextError(f"invalid character {constant[0]!r} looking for beginning of value")


def _why(text: str, error: Exception) -> str:
    if isinstance(error, JsonTextError):
        return str(error)
    try:
        raw_value(text)
    except JsonTextError as worded:
        return str(worded)
    return "invalid character after top-level value"


def from_raw_payload(
    data: bytes, topic: str, pubsub: str, metadata: Mapping[str, str], event_id: str
) -> dict[str, Json]:
    """The CloudEvent that daprd makes for a subscriber of raw payloads; it has no time."""
    event: dict[str, Json] = {
        "id": event_id,
        "specversion": SPEC_VERSION,
        "datacontenttype": OCTET_STREAM,
        "source": dapr.DEFAULT_SOURCE,
        "type": dapr.EVENT_TYPE,
        "topic": topic,
        "pubsubname": pubsub,
        "data_base64": base64.b64encode(data).decode("ascii"),
    }
    add_trace(event, metadata)
    return event


def add_trace(event: dict[str, Json], metadata: Mapping[str, str]) -> None:
    """Add what the broker's metadata tell of the trace, where the event itself does not; as daprd does, a
    `traceparent` becomes the `traceid`, too.
    """
    for name in TRACE_FIELDS:
        if name in metadata and name not in event:
            event[name] = metadata[name]
            if name == "traceparent":
                event["traceid"] = metadata[name]


def from_headers(metadata: Mapping[str, str], content_type: str) -> dict[str, Json]:
    """The attributes of an event in binary mode, from its `ce_...` metadata."""
    lowered = ((name.lower(), value) for name, value in metadata.items())
    event: dict[str, Json] = {
        name.removeprefix(BINARY_HEADER): value for name, value in lowered if name.startswith(BINARY_HEADER)
    }
    return {**event, "datacontenttype": content_type}


def has_expired(event: Mapping[str, Json], now: datetime) -> bool:
    """Whether its `expiration` has passed; one that cannot be read never does."""
    expiration = event.get("expiration")
    if not isinstance(expiration, str) or not expiration:
        return False
    try:
        moment = datetime.fromisoformat(expiration)
    except ValueError:
        return False
    return moment.tzinfo is not None and moment < now
