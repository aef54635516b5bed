"""The messages that sidecars send each other, as values and as bytes. Pure.

The stubs of them are in no package, so they are described here: what a call of an app needs, no more.
Source: daprd 1.18, `dapr.proto.internals.v1` and `dapr.proto.common.v1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from outboard.sidecar.described_messages import Fields, file_of
from outboard.sidecar.invocation.values import Headers

__all__ = [
    "CALL_LOCAL",
    "CALL_LOCAL_STREAM",
    "CallHead",
    "Packet",
    "ReplyHead",
    "Unreadable",
    "read_reply",
    "read_request",
    "read_unary_request",
    "write_reply",
    "write_request",
    "write_unary_reply",
]

SERVICE: Final = "/dapr.proto.internals.v1.ServiceInvocation"
CALL_LOCAL: Final = f"{SERVICE}/CallLocal"
CALL_LOCAL_STREAM: Final = f"{SERVICE}/CallLocalStream"
COMMON: Final = "dapr.proto.common.v1"
INTERNALS: Final = "dapr.proto.internals.v1"
VERSION: Final = 1
CONTENT_TYPE: Final = "content-type"
GRPC: Final = "application/grpc"
OVER_GRPC: Final[Sequence[Mapping[str, object]]] = ({"key": CONTENT_TYPE, "value": {"values": [GRPC]}},)
"""By this a daprd tells metadata of a call over gRPC from headers."""
LEAST_OF_HTTP: Final = 100
VERBS: Final = ("NONE", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")

FIELDS: Final[Fields] = {
    f"{COMMON}.HTTPExtension": (("verb", 1, "int32"), ("querystring", 2, "string")),
    f"{COMMON}.InvokeRequest": (
        ("method", 1, "string"),
        ("data", 2, ".google.protobuf.Any"),
        ("content_type", 3, "string"),
        ("http_extension", 4, f".{COMMON}.HTTPExtension"),
    ),
    f"{COMMON}.InvokeResponse": (("data", 1, ".google.protobuf.Any"), ("content_type", 2, "string")),
    f"{COMMON}.StreamPayload": (("data", 1, "bytes"), ("seq", 2, "uint64")),
    f"{INTERNALS}.ListStringValue": (("values", 1, "[string"),),
    f"{INTERNALS}.Entry": (("key", 1, "string"), ("value", 2, f".{INTERNALS}.ListStringValue")),
    f"{INTERNALS}.Status": (
        ("code", 1, "int32"),
        ("message", 2, "string"),
        ("details", 3, "[.google.protobuf.Any"),
    ),
    f"{INTERNALS}.InternalInvokeRequest": (
        ("ver", 1, "int32"),
        ("metadata", 2, f"[.{INTERNALS}.Entry"),
        ("message", 3, f".{COMMON}.InvokeRequest"),
    ),
    f"{INTERNALS}.InternalInvokeResponse": (
        ("status", 1, f".{INTERNALS}.Status"),
        ("headers", 2, f"[.{INTERNALS}.Entry"),
        ("trailers", 3, f"[.{INTERNALS}.Entry"),
        ("message", 4, f".{COMMON}.InvokeResponse"),
    ),
    f"{INTERNALS}.InternalInvokeRequestStream": (
        ("request", 1, f".{INTERNALS}.InternalInvokeRequest"),
        ("payload", 2, f".{COMMON}.StreamPayload"),
    ),
    f"{INTERNALS}.InternalInvokeResponseStream": (
        ("response", 1, f".{INTERNALS}.InternalInvokeResponse"),
        ("payload", 2, f".{COMMON}.StreamPayload"),
    ),
}


class Unreadable(ValueError):
    """The bytes are no message of their type, or lack what it must have."""


class Packet(NamedTuple):
    """A part of a body; `seq` counts from 0."""

    data: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class CallHead:
    """What a caller says before the body. `type_url` is that of a message of protobuf, as gRPC sends it.

    With `over_grpc` the headers are the metadata of a call over gRPC.
    """

    method: str
    verb: str
    query: str
    content_type: str
    headers: Headers
    type_url: str = ""
    over_grpc: bool = False


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """What a callee says before the body; `status` is that of HTTP, or, below 100, that of gRPC.

    Only the latter has details, by type, and trailers.
    """

    status: int
    headers: Headers
    content_type: str = ""
    message: str = ""
    type_url: str = ""
    details: Sequence[tuple[str, bytes]] = ()
    trailers: Headers = ()


def _classes() -> dict[str, type[Message]]:
    """In a pool of their own: whoever brings the real ones does not meet them."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    any_file = any_pb2.DESCRIPTOR.name
    pool.Add(file_of(f"{COMMON}.proto", COMMON, FIELDS, (any_file,)))
    pool.Add(file_of(f"{INTERNALS}.proto", INTERNALS, FIELDS, (any_file, f"{COMMON}.proto")))
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in FIELDS}


CLASSES: Final = _classes()
REQUEST: Final = CLASSES[f"{INTERNALS}.InternalInvokeRequest"]
RESPONSE: Final = CLASSES[f"{INTERNALS}.InternalInvokeResponse"]
REQUEST_STREAM: Final = CLASSES[f"{INTERNALS}.InternalInvokeRequestStream"]
RESPONSE_STREAM: Final = CLASSES[f"{INTERNALS}.InternalInvokeResponseStream"]


def write_request(head: CallHead | None, packet: Packet | None) -> bytes:
    """One message of CallLocalStream. Raises ValueError for a text that is no UTF-8."""
    request = None if head is None else _request(head)
    return REQUEST_STREAM(request=request, payload=_payload(packet)).SerializeToString()


def read_request(data: bytes) -> tuple[CallHead | None, Packet | None]:
    """Raises Unreadable."""
    message = _parsed(REQUEST_STREAM, data)
    head = _call_head(message.request) if message.HasField("request") else None
    return head, _packet(message)


def write_reply(head: ReplyHead | None, packet: Packet | None) -> bytes:
    """One message of the answer to CallLocalStream. Raises ValueError for a text that is no UTF-8."""
    response = None if head is None else _response(head)
    return RESPONSE_STREAM(response=response, payload=_payload(packet)).SerializeToString()


def read_reply(data: bytes) -> tuple[ReplyHead | None, Packet | None]:
    """Raises Unreadable."""
    message = _parsed(RESPONSE_STREAM, data)
    head = _reply_head(message.response) if message.HasField("response") else None
    return head, _packet(message)


def read_unary_request(data: bytes) -> tuple[CallHead, bytes]:
    """Raises Unreadable."""
    message = _parsed(REQUEST, data)
    return _call_head(message), message.message.data.value


def write_unary_reply(head: ReplyHead, body: bytes) -> bytes:
    """The answer to CallLocal. Raises ValueError for a text that is no UTF-8."""
    response: Any = _response(head)
    response.message.data.value = body
    return cast("bytes", response.SerializeToString())


def _request(head: CallHead) -> Message:
    return REQUEST(
        ver=VERSION,
        metadata=[
            *_entries(head.headers, canonical=not head.over_grpc),
            *(OVER_GRPC if head.over_grpc else ()),
        ],
        message={
            "method": head.method,
            "content_type": head.content_type,
            "data": {"type_url": head.type_url} if head.type_url else None,
            "http_extension": _http(head),
        },
    )


def _http(head: CallHead) -> Mapping[str, object] | None:
    """A verb that has no number is POST, as daprd has it."""
    verb = head.verb if head.verb in VERBS else "POST"
    return {"verb": VERBS.index(verb), "querystring": head.query} if head.verb else None


def _call_head(message: Any) -> CallHead:
    asked = message.message
    if not message.metadata or not message.HasField("message"):
        raise Unreadable("request does not contain the required fields in the leading chunk")
    http = asked.http_extension
    verb = VERBS[http.verb] if asked.HasField("http_extension") and 0 <= http.verb < len(VERBS) else ""
    over_grpc = any(
        entry.key == CONTENT_TYPE and any(value.startswith(GRPC) for value in entry.value.values)
        for entry in message.metadata
    )
    return CallHead(
        asked.method,
        verb,
        http.querystring,
        asked.content_type,
        _pairs(message.metadata),
        asked.data.type_url,
        over_grpc,
    )


def _response(head: ReplyHead) -> Message:
    over_grpc = head.status < LEAST_OF_HTTP
    return RESPONSE(
        status={
            "code": head.status,
            "message": head.message,
            "details": [{"type_url": kind, "value": value} for kind, value in head.details],
        },
        headers=[*_entries(head.headers, canonical=not over_grpc), *(OVER_GRPC if over_grpc else ())],
        trailers=_entries(head.trailers, canonical=False),
        message={
            "content_type": head.content_type,
            "data": {"type_url": head.type_url} if head.type_url else None,
        },
    )


def _reply_head(message: Any) -> ReplyHead | None:
    if not message.HasField("status"):
        return None
    answered = message.message
    return ReplyHead(
        message.status.code,
        _pairs(message.headers),
        answered.content_type,
        message.status.message,
        answered.data.type_url,
        [(each.type_url, each.value) for each in message.status.details],
        _pairs(message.trailers),
    )


def _payload(packet: Packet | None) -> Mapping[str, object] | None:
    return None if packet is None else packet._asdict()


def _packet(message: Any) -> Packet | None:
    return Packet(message.payload.data, message.payload.seq) if message.HasField("payload") else None


def _entries(headers: Headers, *, canonical: bool) -> list[Mapping[str, object]]:
    """If `canonical` by the names as Go writes those of HTTP: a daprd looks for some of them so."""
    gathered: dict[str, list[str]] = {}
    for name, value in headers:
        gathered.setdefault(name, []).append(value)
    return [
        {"key": _canonical(name) if canonical else name, "value": {"values": values}}
        for name, values in gathered.items()
    ]


def _canonical(name: str) -> str:
    if name.startswith("dapr-") or name == "destination-app-id":
        return name  # daprd's own, which it writes like that
    return "-".join(part[:1].upper() + part[1:] for part in name.split("-"))


def _pairs(entries: Iterable[Any]) -> Headers:
    return [(entry.key.lower(), value) for entry in entries for value in entry.value.values]


def _parsed(kind: type[Message], data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Unreadable("proto: cannot parse invalid wire-format data") from error
