"""An app with services of its own over gRPC, which tells what it got, and calls of it as values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import grpc
from dapr.proto.common.v1 import common_pb2
from google.protobuf.any_pb2 import Any as AnyMessage

from conformance.http1 import LOOPBACK
from outboard.sidecar.invocation.peers.stream import written

__all__ = ["Metadata", "Proxied", "Script", "ScriptedMirror", "proxied"]

SERVICE: Final = "/mirror.v1.Mirror/"
ON_INVOKE: Final = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
HEALTH: Final = "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck"
PATIENCE: Final = 20.0
ITS_OWN: Final = frozenset({"user-agent", "grpc-accept-encoding", "accept-encoding", "te", "content-type"})
"""What a library adds, or keeps to itself."""
Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Script:
    """How the app answers: with these `replies` (None: with what it got), and at their end with a status."""

    replies: Sequence[bytes] | None = None
    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""
    headers: Metadata = ()
    trailers: Metadata = ()
    hangs: bool = False
    content_type: str = "application/json"
    type_url: str = ""


@dataclass
class ScriptedMirror(grpc.GenericRpcHandler):
    """The app: `script` is how it answers, `calls` how often it was called, `ended` that one was given up."""

    port: int = 0
    script: Script = field(default_factory=Script)
    calls: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        options = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1))
        server = grpc.aio.server(handlers=[self], options=options)
        self.port = server.add_insecure_port(f"{LOOPBACK}:0")
        await server.start()
        try:
            yield
        finally:
            await server.stop(0)

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        path = handler_call_details.method
        if path.endswith("/Unknown") or (path.startswith("/dapr.") and path not in {ON_INVOKE, HEALTH}):
            return None

        async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            if path == HEALTH:
                yield b""
                return
            script, self.calls = self.script, self.calls + 1
            await context.send_initial_metadata(tuple(script.headers))
            context.set_trailing_metadata(tuple(script.trailers))
            if path.endswith("/Echo"):
                async for message in requests:
                    yield message
            else:
                messages = [message async for message in requests]
                for reply in self._replies(path, messages, context, script):
                    yield reply
            if script.hangs:
                await self._hang()
            if script.code is not grpc.StatusCode.OK:
                await context.abort(script.code, script.message, tuple(script.trailers))

        return grpc.stream_stream_rpc_method_handler(handle)

    def _replies(
        self, path: str, messages: Sequence[bytes], context: Context, script: Script
    ) -> Sequence[bytes]:
        if script.code is not grpc.StatusCode.OK and script.replies is None:
            return []
        told: dict[str, object] = {"path": path, "metadata": _items(context.invocation_metadata() or ())}
        if path != ON_INVOKE:
            told["messages"] = [message.decode("latin-1") for message in messages]
            return [json.dumps(told).encode()] if script.replies is None else script.replies
        asked = common_pb2.InvokeRequest.FromString(messages[0])
        told["message"] = [
            asked.method, asked.data.value.decode("latin-1"), asked.data.type_url, asked.content_type,
            asked.http_extension.verb, asked.http_extension.querystring, asked.HasField("http_extension"),
        ]  # fmt: skip
        data = json.dumps(told).encode() if script.replies is None else b"".join(script.replies)
        answer = common_pb2.InvokeResponse(
            data=AnyMessage(value=data, type_url=script.type_url), content_type=script.content_type
        )
        return [answer.SerializeToString()]

    async def _hang(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


@dataclass(frozen=True, slots=True)
class Proxied:
    """What came of a call: its status, the metadata before and behind the replies, and these."""

    code: str
    message: str
    headers: Sequence[tuple[str, str]]
    trailers: Sequence[tuple[str, str]]
    replies: Sequence[object]


async def proxied(
    port: int,
    method: str,
    messages: Iterable[bytes] = (b"hello",),
    metadata: Metadata | Mapping[str, str] = (),
    masked: Mapping[str, str] | None = None,
    timeout: float = PATIENCE,
    receiving: int = 4 * 1024 * 1024,
) -> Proxied:
    """Call `method` (a path, or the name of one of the mirror) at the gRPC port of a sidecar."""
    path = method if method.startswith("/") else SERVICE + method
    given = tuple(metadata.items() if isinstance(metadata, Mapping) else metadata)
    options = (("grpc.max_receive_message_length", receiving),)
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}", options) as channel:
        calling: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
        call = calling(metadata=given, timeout=timeout)
        replies: list[bytes] = []
        try:
            await call.wait_for_connection()
            if all([await written(call, message) for message in messages]):
                await call.done_writing()
        except grpc.aio.AioRpcError:
            pass  # nobody is there; the status is compared
        with suppress(grpc.aio.AioRpcError):
            replies.extend([reply async for reply in call])
        return Proxied(
            (await call.code()).name,
            _masked(await call.details() or "", masked or {}),
            _items(await call.initial_metadata() or ()),
            _items(await call.trailing_metadata() or ()),
            [_told(reply, masked or {}) for reply in replies],
        )


def _told(reply: bytes, masked: Mapping[str, str]) -> object:
    text = _masked(reply.decode("latin-1"), masked)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _masked(text: str, masked: Mapping[str, str]) -> str:
    for before, after in masked.items():
        text = text.replace(before, after)
    return text


def _items(pairs: Iterable[tuple[str, str | bytes]]) -> list[tuple[str, str]]:
    return sorted(
        (name, value if isinstance(value, str) else value.hex())
        for name, value in pairs
        if name not in ITS_OWN
    )
