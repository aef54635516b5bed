"""Asking both sidecars over gRPC, and what of an answer is compared: status, message, details and reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass

import grpc
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import dapr_pb2
from google.protobuf import json_format, message_factory
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from conformance.http1 import LOOPBACK
from conformance.masking import Mask
from conformance.sidecars import Running

__all__ = ["Calling", "Said", "calling", "grpc_answers", "invoked"]

METHODS = dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].methods_by_name
SERVICE = "dapr.proto.runtime.v1.Dapr"
PATIENCE = 20.0
TRACED = {"traceparent", "tracestate", "grpc-trace-bin"}


def _plain(data: bytes) -> bytes:
    return data


PLAIN = (_plain, _plain)
Said = tuple[str, str, tuple[object, ...], object]
"""Status, message, details and reply, masked."""


@dataclass(frozen=True, slots=True)
class Calling:
    """One call: the path of its method, the request's bytes, and metadata."""

    path: str
    request: bytes
    metadata: tuple[tuple[str, str], ...] = ()


def calling(name: str, request: Message | None = None, **metadata: str) -> Calling:
    """A call of Dapr's method `name`; `_` in the name of a metadata item stands for `-`."""
    given = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
    return Calling(f"/{SERVICE}/{name}", b"" if request is None else request.SerializeToString(), given)


async def grpc_answers(sidecar: Running, calls: Iterable[Calling]) -> tuple[Said, ...]:
    """What `sidecar` answers to each, one after the other."""
    listed = list(calls)
    mask = Mask(repr(listed), sidecar.ports, sidecar.folder.as_posix(), ("1.18.1",))
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{sidecar.ports[1]}") as channel:
        return tuple([await _answer(channel, each, mask) for each in listed])


async def _answer(channel: grpc.aio.Channel, each: Calling, mask: Mask) -> Said:
    async def requests() -> AsyncIterator[bytes]:
        yield each.request

    name, replies = each.path.rpartition("/")[2], list[bytes]()
    described = METHODS.get(name)
    if described is None or not (described.client_streaming or described.server_streaming):
        single = channel.unary_unary(each.path, *PLAIN)(
            each.request, metadata=each.metadata, timeout=PATIENCE
        )
        with suppress(grpc.aio.AioRpcError):  # its status is compared
            replies = [await single]
        return await _said(each, single, replies, mask)
    stream: grpc.aio.UnaryStreamCall[bytes, bytes] | grpc.aio.StreamStreamCall[bytes, bytes]
    if described.client_streaming:  # on the wire a stream to one is a stream to many
        stream = channel.stream_stream(each.path, *PLAIN)(
            requests(), metadata=each.metadata, timeout=PATIENCE
        )
    else:
        stream = channel.unary_stream(each.path, *PLAIN)(
            each.request, metadata=each.metadata, timeout=PATIENCE
        )
    with suppress(grpc.aio.AioRpcError):
        replies = [reply async for reply in stream]
    return await _said(each, stream, replies, mask)


async def _said(each: Calling, made: grpc.aio.Call, replies: list[bytes], mask: Mask) -> Said:
    code, message = await made.code(), mask.text(await made.details() or "")
    trailers = await made.trailing_metadata()
    details = [value for name, value in trailers or () if name == "grpc-status-details-bin"]
    for value in details:
        status = status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode())
        assert (status.code, mask.text(status.message)) == (code.value[0], message)
    told = tuple(mask.body(repr(detail).encode()) for value in details for detail in _details(value))
    return (
        code.name,
        _in_order(_as_core(message)),
        told,
        [_reply(each.path, reply, mask) for reply in replies],
    )


def _details(value: str | bytes) -> list[object]:
    status = status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode())
    told: list[object] = []
    for packed in status.details:
        kind = packed.type_url.rpartition(".")[2]
        read = getattr(error_details_pb2, kind).FromString(packed.value)
        told.append((packed.type_url, _sorted(json_format.MessageToDict(read))))
    return told


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _reply(path: str, reply: bytes, mask: Mask) -> object:
    name = path.rpartition("/")[2]
    kind = message_factory.GetMessageClass(METHODS[name].output_type)
    told = json_format.MessageToJson(kind.FromString(reply), sort_keys=True)
    return mask.body(told.encode())


def _in_order(message: str) -> str:
    """daprd tells what failed of several in random order."""
    first, *more = message.split("\n")
    cut = first.rfind("possible etag") if "possible etag" in first else first.find(": ") + 2
    return first[:cut] + "\n".join(sorted([first[cut:], *more])) if more else message


def _as_core(message: str) -> str:
    """The words of the library for C++ as those of the one for Go."""
    return message.replace("SERVER: Received message larger", "grpc: received message larger")


async def invoked(port: int, request: Message) -> tuple[str, object, object, bytes]:
    """Status, details, metadata and the answer's body of a call of InvokeService at `port`."""
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/InvokeService", *PLAIN)(
            request.SerializeToString(), timeout=PATIENCE
        )
        data = b""
        with suppress(grpc.aio.AioRpcError):  # its status is compared
            data = await call
        answer = common_pb2.InvokeResponse.FromString(data)
        told = [item for item in await call.initial_metadata() or () if item[0] not in TRACED]
        trailing = dict(await call.trailing_metadata() or ())
        packed = trailing.get("grpc-status-details-bin", b"")
        status = status_pb2.Status.FromString(packed if isinstance(packed, bytes) else b"")
        details = json_format.MessageToDict(status)
        said = f"{(await call.code()).name} {await call.details()} {answer.content_type}"
        return said, details, sorted(told), answer.data.value
