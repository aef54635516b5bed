"""A call of a service that the sidecar does not know, passed on message by message, in both directions.

On the wire a call of any kind is a stream of messages each way, so nothing need be known of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import grpc.aio

from outboard.sidecar.invocation.grpc.metadata import Pairs
from outboard.sidecar.invocation.peers.stream import Stream, to_its_end, written

__all__ = ["Ended", "ProxiedCall", "relayed"]

Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]
STREAM_RETRIED: Final = "cannot use resiliency policies with retries on streaming RPCs"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended."""

    code: grpc.StatusCode
    message: str = ""
    trailers: Pairs = ()

    @property
    def number(self) -> int:
        """That of the status."""
        number: int = self.code.value[0]
        return number


@dataclass(slots=True)
class ProxiedCall:
    """A call as it came. What `requests` gives is kept for a second attempt where the call is `repeatable`.

    Then it may have one request only. Nothing is asked of `requests` before a message is wanted: the library
    warns of those that are begun and not read. `told` goes back before the first reply, with its metadata.
    """

    path: str
    metadata: Pairs
    requests: AsyncIterable[bytes]
    context: Context
    repeatable: bool = False
    told: list[tuple[str, str | bytes]] = field(default_factory=list)
    problem: Ended | None = field(default=None, init=False)
    _kept: bytes | None = field(default=None, init=False)
    _reading: asyncio.Task[bytes | None] | None = field(default=None, init=False)
    _begun: bool = field(default=False, init=False)

    @property
    def seconds_left(self) -> float | None:
        """None where the caller waits for ever."""
        return self.context.time_remaining()

    async def messages(self) -> AsyncIterator[bytes]:
        """Those of the caller, for one attempt."""
        if not self.repeatable:
            async for message in self.requests:
                yield message
            return
        if self._kept is not None:
            yield self._kept
        while (following := await self._next()) is not None:
            if self._kept is not None:
                self.problem = Ended(grpc.StatusCode.FAILED_PRECONDITION, STREAM_RETRIED)
                return
            self._kept = following
            yield following

    async def _next(self) -> bytes | None:
        """None at the end. An attempt that is given up meanwhile loses nothing."""
        reading = self._reading = self._reading or asyncio.create_task(_following(self.requests))
        await asyncio.wait({reading})
        self._reading = None
        return reading.result()

    async def answer(self, message: bytes, call: Stream) -> None:
        """Pass `message` on; the first one takes the metadata of `call` with it."""
        if not self._begun:
            self._begun = True
            head = (*self.told, *(await call.initial_metadata() or ()))
            await to_its_end(self.context.send_initial_metadata(head))
        await to_its_end(self.context.write(message))

    def close(self) -> None:
        """Give up what is still being read."""
        if self._reading is not None:
            self._reading.cancel()


async def relayed(call: Stream, proxied: ProxiedCall) -> Ended:
    """Everything that `proxied` says goes into `call`, and back what it is answered."""
    sending = asyncio.create_task(_send(call, proxied))
    receiving = asyncio.create_task(_received(call, proxied))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        return proxied.problem or await receiving
    finally:
        call.cancel()
        sending.cancel()
        receiving.cancel()
        await asyncio.wait({sending, receiving})


async def _received(call: Stream, proxied: ProxiedCall) -> Ended:
    try:
        while isinstance(message := await call.read(), bytes):
            await proxied.answer(message, call)
    except grpc.aio.AioRpcError:
        pass  # the status says it, too
    return await _end(call)


async def _end(call: Stream) -> Ended:
    try:
        code = await call.code()
    except KeyError:  # a number that the library does not know, and could not tell the caller
        code = grpc.StatusCode.UNKNOWN
    return Ended(code, await call.details() or "", tuple(await call.trailing_metadata() or ()))


async def _send(call: Stream, proxied: ProxiedCall) -> None:
    try:
        await call.wait_for_connection()
        async for message in proxied.messages():
            if not await written(call, message):
                return
        if proxied.problem is None:
            await call.done_writing()
    except (grpc.RpcError, asyncio.InvalidStateError):
        return  # it has ended: its status says why


async def _following(requests: AsyncIterable[bytes]) -> bytes | None:
    return await anext(aiter(requests), None)
