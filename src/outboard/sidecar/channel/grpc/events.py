"""Events as the messages that an app over gRPC gets. Pure.

Source: Dapr, `dapr/proto/runtime/v1/appcallback.proto`; daprd 1.18 for what it fills of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dapr.proto.runtime.v1.appcallback_pb2 import (
    TopicEventBulkRequest,
    TopicEventBulkRequestEntry,
    TopicEventCERequest,
    TopicEventRequest,
)
from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from outboard.gojson import base64text, encoding
from outboard.gojson.values import Json
from outboard.sidecar.channel.batch import Batch, BatchedEvent
from outboard.sidecar.events.envelope import CLOUD_EVENT, JSON, media_type
from outboard.sidecar.events.received import PUBSUB_NAME, TRACE_FIELDS, Incoming, parse_event
from outboard.wire import dapr

__all__ = ["Unsendable", "bulk_request", "event_request"]

OWN_FIELDS: Final = frozenset(
    {"id", "source", "type", "specversion", "datacontenttype", "data", "data_base64"}
)
"""Of an event, what the messages have fields for; the rest of it are extensions."""
XML: Final = "application/xml"
HALF_A_CHARACTER: Final = re.compile("[\ud800-\udfff]")


class Unsendable(ValueError):
    """An event's data are not of the type that it says: no message can be made of it."""


def event_request(incoming: Incoming, pubsub: str, topic: str) -> TopicEventRequest:
    """The request for one event that came from `topic` of `pubsub`. Raises Unsendable."""
    event = _whole(incoming)
    return TopicEventRequest(
        id=_text_of(event, "id"),
        source=_text_of(event, "source"),
        type=_text_of(event, "type"),
        spec_version=_text_of(event, "specversion"),
        data_content_type=_text_of(event, "datacontenttype"),
        data=_data(event),
        topic=topic,
        pubsub_name=pubsub,
        path=incoming.path,
        extensions=_extensions(event),
    )


def bulk_request(batch: Batch) -> TopicEventBulkRequest:
    """The request for a batch. The entry of an event that cannot be sent is empty, as daprd's is."""
    return TopicEventBulkRequest(
        id=batch.id,
        entries=[_entry(event, batch.raw) for event in batch.events],
        metadata={PUBSUB_NAME: batch.pubsub},
        topic=batch.topic,
        pubsub_name=batch.pubsub,
        type=dapr.BULK_EVENT_TYPE,
        path=batch.path,
    )


def _entry(batched: BatchedEvent, raw: bool) -> TopicEventBulkRequestEntry:
    event = _whole(batched.incoming)
    entry = TopicEventBulkRequestEntry(
        entry_id=batched.entry_id, content_type=batched.content_type, metadata=batched.metadata
    )
    if raw:
        entry.bytes = _decoded(event["data_base64"])
        return entry
    try:
        data = _plain_data(event)  # daprd does not look at `data_base64` here
    except Unsendable:
        return TopicEventBulkRequestEntry()
    cloud_event = TopicEventCERequest(
        id=_text_of(event, "id"),
        source=_text_of(event, "source"),
        type=_text_of(event, "type"),
        spec_version=_text_of(event, "specversion"),
        data_content_type=_text_of(event, "datacontenttype"),
        data=data,
        extensions=_extensions(event),
    )
    entry.cloud_event.CopyFrom(cloud_event)
    return entry


def _whole(incoming: Incoming) -> Mapping[str, Json]:
    """All of the event, with every number a double, and what the broker's metadata tell of its trace."""
    if incoming.whole:
        return incoming.event
    traced = {name: incoming.event[name] for name in TRACE_FIELDS if name in incoming.event}
    return {**parse_event(incoming.data), **traced}


def _data(event: Mapping[str, Json]) -> bytes:
    encoded = event.get("data_base64")
    return _plain_data(event) if encoded is None else _decoded(encoded)


def _decoded(encoded: Json) -> bytes:
    if not isinstance(encoded, str):
        raise Unsendable("the event's data_base64 is not a text")
    try:
        return base64text.decode(encoded)
    except base64text.CorruptInput as error:
        raise Unsendable(f"the event's data_base64 cannot be decoded: {error}") from error


def _plain_data(event: Mapping[str, Json]) -> bytes:
    """Empty for a content type that daprd does not know."""
    data, kind = event.get("data"), media_type(_text_of(event, "datacontenttype"))
    if data is None:
        return b""
    if kind.startswith("text/") or kind == XML:
        if not isinstance(data, str):
            raise Unsendable(f"the event's content type is {kind}, and its data is not a text")
        return _text(data).encode()
    return encoding.encode(data) if kind in {JSON, CLOUD_EVENT} else b""


def _extensions(event: Mapping[str, Json]) -> Struct:
    return _struct({name: value for name, value in event.items() if name not in OWN_FIELDS})


def _struct(members: Mapping[str, Json]) -> Struct:
    return Struct(fields={_text(name): _value(value) for name, value in members.items()})


def _value(value: Json) -> Value:
    match value:
        case None:
            return Value(null_value=NullValue.NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case str():
            return Value(string_value=_text(value))
        case int() | float():
            return Value(number_value=value)
        case list():
            return Value(list_value=ListValue(values=map(_value, value)))
    return Value(struct_value=_struct(value))


def _text_of(event: Mapping[str, Json], name: str) -> str:
    """An attribute that is a text; what is none, daprd leaves out."""
    value = event.get(name)
    return _text(value) if isinstance(value, str) else ""


def _text(value: str) -> str:
    """As Go reads it: half a character, which JSON can say, is U+FFFD."""
    return value if value.isascii() else HALF_A_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", value)
