"""CloudEvents as daprd makes them from what an app publishes.

Pure: time, identifiers and trace context are given. Source: Dapr, "Publishing & subscribing messages with
CloudEvents"; CloudEvents 1.0, JSON format.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from outboard.gojson.jsonsyntax import syntax_error
from outboard.gojson.rawjson import JsonTextError, members, quote, raw_value
from outboard.gojson.utf8 import text_of
from outboard.resources import boolean, duration
from outboard.sidecar.events.protobuf import is_cloud_event
from outboard.wire import dapr

__all__ = [
    "CLOUD_EVENT",
    "OCTET_STREAM",
    "EventToWrap",
    "encode_fields",
    "envelope_fields",
    "expiration_of",
    "is_raw_payload",
    "media_type",
    "name_a_ttl",
    "rfc3339",
    "wrap",
]

CLOUD_EVENT: Final = "application/cloudevents+json"
JSON: Final = "application/json"
OCTET_STREAM: Final = "application/octet-stream"
PROTOBUF_EVENT: Final = "application/cloudevents+protobuf"
PROTOBUF: Final = "application/x-protobuf"
SPEC_VERSION: Final = "1.0"
OVERRIDE: Final = "cloudevent."
MESSAGE_TTL: Final = "MESSAGE_TTL"
TTL_KEYS: Final = ("ttl", "ttlinseconds")


@dataclass(frozen=True, slots=True)
class EventToWrap:
    """One thing that an app publishes, with what the request says about it.

    `traceparent` is empty where the request has no valid trace context. `features` are the component's.
    """

    app_id: str
    pubsub: str
    topic: str
    data: bytes
    content_type: str = ""
    metadata: Mapping[str, str] | None = None
    traceparent: str = ""
    tracestate: str = ""
    features: frozenset[str] = frozenset()


def wrap(publication: EventToWrap, now: datetime, new_id: Callable[[], str]) -> bytes:
    """The envelope that goes to the broker: JSON with sorted names.

    `now` is aware. What already is a CloudEvent by its content type gets only what it lacks, and the topic
    and pub/sub name of this request. Raises JsonTextError where it says it is one and is no JSON object.
    """
    if media_type(publication.content_type) == CLOUD_EVENT:
        fields = _completed(publication, now)
    else:
        fields = envelope_fields(publication, now, new_id)
    expiration = expiration_of(publication.metadata, publication.features, now)
    if expiration:
        fields["expiration"] = quote(expiration)
    return encode_fields(fields)


def encode_fields(fields: Mapping[str, str]) -> bytes:
    """A JSON object with sorted names, from the JSON text of each member."""
    inside = ",".join(f"{quote(name)}:{fields[name]}" for name in sorted(fields))
    return f"{{{inside}}}".encode("utf-8", "replace")


def _members(data: bytes) -> dict[str, str]:
    try:
        return members(text_of(data))
    except JsonTextError as error:
        raise JsonTextError(syntax_error(data) or str(error)) from error


def _completed(publication: EventToWrap, now: datetime) -> dict[str, str]:
    fields = _members(publication.data)
    fields.setdefault("time", quote(rfc3339(now)))
    if "traceid" not in fields:
        fields["traceid"] = fields["traceparent"] = quote(publication.traceparent)
    fields.setdefault("tracestate", quote(publication.tracestate))
    fields |= {"topic": quote(publication.topic), "pubsubname": quote(publication.pubsub)}
    defaults = {"source": dapr.DEFAULT_SOURCE, "type": dapr.EVENT_TYPE, "specversion": SPEC_VERSION}
    for name, default in defaults.items():
        if fields.get(name, "null") == "null":
            fields[name] = quote(default)
    return fields


def envelope_fields(publication: EventToWrap, now: datetime, new_id: Callable[[], str]) -> dict[str, str]:
    """The attributes of a new envelope, each as JSON text."""
    overrides = _overrides(publication.metadata)
    trace = overrides.get("traceparent") or overrides.get("traceid") or publication.traceparent
    name, data = _data(publication.content_type or "text/plain", publication.data)
    fields = {
        "id": overrides.get("id") or new_id(),
        "source": overrides.get("source", publication.app_id) or dapr.DEFAULT_SOURCE,
        "specversion": SPEC_VERSION,
        "type": overrides.get("type") or dapr.EVENT_TYPE,
        "datacontenttype": publication.content_type or "text/plain",
        "topic": publication.topic,
        "pubsubname": publication.pubsub,
        "traceid": trace,
        "traceparent": trace,
        "tracestate": overrides.get("tracestate") or publication.tracestate,
        "time": rfc3339(now),
    }
    if overrides.get("subject"):
        fields["subject"] = overrides["subject"]
    return {**{key: quote(value) for key, value in fields.items()}, name: data}


def _overrides(metadata: Mapping[str, str] | None) -> dict[str, str]:
    named = ((name.lower(), value) for name, value in (metadata or {}).items())
    return {name.removeprefix(OVERRIDE): value for name, value in named if name.startswith(OVERRIDE)}


def _data(content_type: str, data: bytes) -> tuple[str, str]:
    kind = media_type(content_type)
    if kind in {OCTET_STREAM, PROTOBUF_EVENT} or (kind == PROTOBUF and is_cloud_event(data)):
        return "data_base64", quote(base64.b64encode(data).decode("ascii"))
    text = text_of(data)
    if kind == JSON:
        try:
            return "data", raw_value(text)
        except JsonTextError:
            return "data", quote(text)
    return "data", quote(text)


def media_type(content_type: str) -> str:
    """A content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_raw_payload(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata asks for no envelope. Raises ValueError, worded as daprd's."""
    value = metadata.get(dapr.RAW_PAYLOAD)
    if not value:
        return False
    try:
        return boolean.parse(value)
    except ValueError:
        text = f"{dapr.RAW_PAYLOAD} value must be a valid boolean: actual is '{value}'"
        raise ValueError(text) from None


def rfc3339(moment: datetime) -> str:
    """To the second, with its offset; UTC is written `Z`."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def expiration_of(metadata: Mapping[str, str] | None, features: frozenset[str], now: datetime) -> str:
    """When what is published with `metadata` expires; empty for never, and where the component sees to it."""
    seconds = _ttl(metadata) if metadata and MESSAGE_TTL not in features else None
    if seconds is None:
        return ""
    try:
        return rfc3339(now.astimezone(UTC) + timedelta(seconds=seconds))
    except OverflowError:
        return ""


@lru_cache(maxsize=1_024)
def name_a_ttl(names: tuple[str, ...]) -> bool:
    """Whether one of the `names` of metadata tells, perhaps in a form that cannot be read, how long an event
    is to live.
    """
    return any(name.lower() in TTL_KEYS for name in names)


def _ttl(metadata: Mapping[str, str]) -> float | None:
    """Seconds, None where there is none or, as in daprd, where it cannot be read."""
    if not name_a_ttl(tuple(metadata)):
        return None
    folded = {name.lower(): value for name, value in metadata.items()}
    text = next((folded[key] for key in TTL_KEYS if key in folded), "")
    try:
        return duration.parse(text)  # also `0`, which has expired at once
    except (ValueError, OverflowError):
        pass
    try:
        seconds = float(int(text)) if text.lstrip("+-").isdecimal() else 0.0
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
