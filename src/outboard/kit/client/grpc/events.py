"""An event of a stream as the CloudEvent that HTTP would have brought. Pure.

Source: `dapr.proto.runtime.v1.TopicEventRequest`; daprd 1.18, which sends data by the content type: JSON and
text as they are, `data_base64` as its bytes, and none at all where the content type is another one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventRequest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct, Value
from pydantic_core import from_json, to_json

from outboard.kit.client.port import StreamedEvent
from outboard.wire.cloudevents import is_json

__all__ = ["streamed_event"]

OCTET_STREAM: Final = "application/octet-stream"
TRACE: Final = ("traceparent", "tracestate")


def streamed_event(request: TopicEventRequest) -> StreamedEvent:
    """Its structured form, and its trace as the headers that a delivery over HTTP has."""
    members: dict[str, object] = dict(_extensions(request.extensions))
    members |= {"specversion": request.spec_version, "id": request.id, "source": request.source}
    members |= {"type": request.type, "topic": request.topic, "pubsubname": request.pubsub_name}
    if request.data_content_type:
        members["datacontenttype"] = request.data_content_type
    headers = {name: str(members[name]) for name in TRACE if members.get(name)}
    name, data = _data(request.data, request.data_content_type)
    body = to_json(members)
    if name:
        body = body[:-1] + b',"' + name.encode("ascii") + b'":' + data + b"}"
    return StreamedEvent(request.id, body, headers)


def _data(data: bytes, content_type: str) -> tuple[str, bytes]:
    """The member for the data and its JSON text; without a name where there is none."""
    if not data:
        return ("data_base64", b'""') if content_type == OCTET_STREAM else ("", b"")
    if is_json(content_type) and _is_valid(data):
        return "data", data  # it is JSON text already
    if content_type.startswith("text/") or content_type == "application/xml":
        try:
            return "data", to_json(data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return "data_base64", to_json(base64.b64encode(data).decode("ascii"))


def _is_valid(data: bytes) -> bool:
    try:
        from_json(data)
    except ValueError:
        return False
    return True


def _extensions(extensions: Struct) -> Iterator[tuple[str, object]]:
    for name, value in extensions.fields.items():
        yield name, _plain(value)


def _plain(value: Value) -> object:
    """A text mostly; a number is whole where it can be, for attributes of an event have no fractions."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else MessageToDict(value)
