"""Calls of other sidecars: requests go to the sidecar of an app, and answers come back, part by part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import grpc.aio

from outboard.sidecar.channel.grpc.metadata import trace_metadata
from outboard.sidecar.invocation.headers import first
from outboard.sidecar.invocation.peers.answers import grpc_answer
from outboard.sidecar.invocation.peers.messages import (
    CALL_LOCAL_STREAM,
    CallHead,
    Packet,
    ReplyHead,
    read_reply,
    write_request,
)
from outboard.sidecar.invocation.peers.status import go_name
from outboard.sidecar.invocation.peers.stream import Stream, written
from outboard.sidecar.invocation.values import (
    AnswerBody,
    AppCall,
    GrpcAnswer,
    Headers,
    InvocationAnswer,
    InvocationFailed,
)

__all__ = ["Peers", "packets", "peers"]

OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # so that a new channel tries at once
)
LEAST: Final = 64 * 1024
MOST: Final = 2**31 - 1
PACKET: Final = 16 * 1024
"""Bytes of a part of a body: well below what a sidecar takes that was told to take little."""
HTTP: Final = range(100, 600)
NO_UTF8: Final = "grpc: error while marshaling: string field contains invalid UTF-8"


@asynccontextmanager
async def peers(max_body_bytes: int) -> AsyncIterator[Peers]:
    """Other sidecars, while the block runs: connections are kept for the next call.

    A message of theirs may have `max_body_bytes`.
    """
    made = Peers(max_body_bytes)
    try:
        yield made
    finally:
        await made.close()


class _Channel:
    """One to another sidecar, with the two ways of one call: in one message, and in several."""

    def __init__(self, address: str, options: Sequence[tuple[str, int]]) -> None:
        self.channel = grpc.aio.insecure_channel(address, options)
        self.whole: grpc.aio.UnaryStreamMultiCallable[bytes, bytes]
        self.whole = self.channel.unary_stream(CALL_LOCAL_STREAM)
        self.parts: grpc.aio.StreamStreamMultiCallable[bytes, bytes]
        self.parts = self.channel.stream_stream(CALL_LOCAL_STREAM)


class Peers:
    """Channels by address."""

    def __init__(self, max_body_bytes: int) -> None:
        largest = min(max(max_body_bytes, LEAST), MOST)
        self._options = (*OPTIONS, ("grpc.max_receive_message_length", largest))
        self._channels: dict[str, _Channel] = {}

    def channel(self, address: str) -> grpc.aio.Channel:
        """The one to `address`, which is kept."""
        return self._kept(address).channel

    def _kept(self, address: str) -> _Channel:
        if address not in self._channels:
            self._channels[address] = _Channel(address, self._options)
        return self._channels[address]

    async def forget(self, address: str) -> None:
        """Let go of the channel to `address`, where nobody answers."""
        channel = self._channels.pop(address, None)
        if channel is not None:
            await channel.channel.close()

    async def close(self) -> None:
        for address in tuple(self._channels):
            await self.forget(address)

    async def invoke(self, address: str, call: AppCall) -> InvocationAnswer:
        """Make `call` at the sidecar at `address`. Raises InvocationFailed."""
        channel, traced = self._kept(address), trace_metadata(first(call.headers, "traceparent"))
        exchange: _CallInParts | _CallInOne
        if _fits(call):
            data = b"".join([chunk async for chunk in call.body.chunks()])
            message = _written(call, Packet(data, 0) if data else None)
            exchange = _CallInOne(channel.whole(message, metadata=traced))
        else:
            exchange = _CallInParts(channel.parts(metadata=traced), call)
        try:
            head, packet = await exchange.begin()
        except BaseException:
            await exchange.close()
            raise
        return _answer(head, AnswerBody(exchange.body(packet)).binding(exchange.close))


class _CallInOne:
    """One call, whose request is one message."""

    def __init__(self, stream: Stream | grpc.aio.UnaryStreamCall[bytes, bytes]) -> None:
        self._stream = stream

    async def begin(self) -> tuple[ReplyHead, Packet | None]:
        """Raises InvocationFailed."""
        return _begun(await _read(self._stream))

    async def close(self) -> None:
        """What has ended stays so; what has not is given up on both sides."""
        self._stream.cancel()

    async def body(self, packet: Packet | None) -> AsyncIterator[bytes]:
        """Raises InvocationFailed."""
        expected = 0
        while True:
            if packet is not None:
                if packet.seq != expected:
                    raise InvocationFailed(
                        f"invalid sequence number received: {packet.seq} (expected: {expected})"
                    )
                expected += 1
                if packet.data:
                    yield packet.data
            message = await _read(self._stream)
            if message is None:
                return
            _, packet = read_reply(message)


class _CallInParts(_CallInOne):
    """One call: its body is sent while the answer is waited for."""

    def __init__(self, stream: Stream, call: AppCall) -> None:
        super().__init__(stream)
        self._sending = asyncio.create_task(_send(stream, call))

    async def begin(self) -> tuple[ReplyHead, Packet | None]:
        """Raises InvocationFailed, and what reading the body of the request raises."""
        reading = asyncio.ensure_future(_read(self._stream))
        try:
            await asyncio.wait({reading, self._sending}, return_when=asyncio.FIRST_COMPLETED)
            if self._sending.done():
                self._sending.result()
            message = await reading
        finally:
            reading.cancel()
        return _begun(message)

    async def close(self) -> None:
        await super().close()
        self._sending.cancel()
        await asyncio.wait({self._sending})
        if not self._sending.cancelled():
            self._sending.exception()  # told already, or of no concern any more


def _begun(message: bytes | None) -> tuple[ReplyHead, Packet | None]:
    """Raises InvocationFailed."""
    if message is None:
        raise InvocationFailed("EOF")
    head, packet = read_reply(message)
    if head is None:
        raise InvocationFailed("response does not contain the required fields in the leading chunk")
    return head, packet


async def _read(stream: Stream | grpc.aio.UnaryStreamCall[bytes, bytes]) -> bytes | None:
    """None at the end. Raises InvocationFailed."""
    try:
        message = await stream.read()
    except grpc.aio.AioRpcError as error:
        raise InvocationFailed(error.details() or "", go_name(error.code())) from error
    if isinstance(message, bytes):
        return message
    code = await stream.code()
    if code is not grpc.StatusCode.OK:
        raise InvocationFailed(await stream.details() or "", go_name(code))
    return None


async def _send(stream: Stream, call: AppCall) -> None:
    """Raises InvocationFailed for what cannot be sent, and what reading the body raises."""
    beginning = _written(call, None)
    try:
        await stream.wait_for_connection()
        if not await written(stream, beginning):
            return
        async for packet in packets(call.body.chunks()):
            if not await written(stream, write_request(None, packet)):
                return
        await stream.done_writing()
    except (grpc.RpcError, asyncio.InvalidStateError):
        return  # the answer came before the whole request had gone, or says what is wrong


def _fits(call: AppCall) -> bool:
    """Whether its body goes into one message: its length is known, and small."""
    length = first(call.headers, "content-length")
    return not call.streaming and (not length or (length.isdecimal() and int(length) <= PACKET))


def _written(call: AppCall, packet: Packet | None) -> bytes:
    """The first message of `call`. Raises InvocationFailed for what cannot be sent."""
    head = CallHead(
        call.method,
        call.verb,
        call.query,
        first(call.headers, "content-type"),
        _headers(call),
        call.type_url,
        call.over_grpc,
    )
    try:
        return write_request(head, packet)
    except ValueError as error:
        raise InvocationFailed(
            f"error sending message: rpc error: code = Internal desc = {NO_UTF8}"
        ) from error


def _headers(call: AppCall) -> Headers:
    """A call that was made over gRPC tells no length, which is one of HTTP."""
    return [item for item in call.headers if item[0] != "content-length"] if call.over_grpc else call.headers


async def packets(chunks: AsyncIterator[bytes]) -> AsyncIterator[Packet]:
    """`chunks` in parts that are not too large, counted."""
    count = 0
    async for chunk in chunks:
        for start in range(0, len(chunk), PACKET):
            yield Packet(chunk[start : start + PACKET], count)
            count += 1


def _answer(head: ReplyHead, body: AnswerBody) -> InvocationAnswer:
    if head.status not in HTTP:
        answer = GrpcAnswer(
            head.status, head.message, head.details, head.trailers, head.content_type, head.type_url
        )
        return grpc_answer(answer, head.headers, body)
    headers = [item for item in head.headers if item[0] != "content-type"]
    if head.content_type:
        headers.append(("content-type", head.content_type))
    return InvocationAnswer(head.status, headers, body)
