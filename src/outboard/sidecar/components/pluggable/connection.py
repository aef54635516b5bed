"""The way to the process of a pluggable component: calls over its socket, whose errors are the component's.

The only module of the family that speaks gRPC, which is an extra.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from outboard.sidecar.components.pluggable.failures import failure_of
from outboard.sidecar.components.pluggable.messages import REFLECTION, Rpc
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.grpc_codes import go_error
from outboard.tasks import to_its_end

__all__ = ["PluggedProcess", "Pull"]

INSTANCE: Final = "x-component-instance"
"""By this a process tells components apart of which it is several."""
OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # each component has a connection of its own, as with daprd
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
INTERNAL: Final = 13
UNMARSHALED: Final = "grpc: failed to unmarshal the received message"
NO_UTF8: Final = "grpc: error while marshaling: string field contains invalid UTF-8"
LEAVING: Final = 0.4
"""Seconds that a process has to read what was acknowledged last, and to end a stream; as daprd's."""


class PluggedProcess:
    """One component called `name`, whose process listens on `socket`."""

    def __init__(self, socket: Path, name: str) -> None:
        self.name = name
        self._channel = grpc.aio.insecure_channel(f"unix:{socket.absolute()}", OPTIONS)
        self._metadata = ((INSTANCE, name),)

    async def call(self, rpc: Rpc, **fields: object) -> Message:
        """The answer to a request with `fields`. Raises ComponentError."""
        request = _written(rpc, fields)
        multi: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(rpc.path)
        try:
            return _read(rpc, await multi(request, metadata=self._metadata))
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error

    async def begin(self, init: Rpc, features: Rpc, properties: Mapping[str, str]) -> frozenset[str]:
        """Initialize the component with its metadata: the features that it has. Raises ComponentError."""
        await self.call(init, metadata={"properties": dict(properties)})
        answer: Any = await self.call(features)
        return frozenset(answer.features)

    async def services(self, seconds: float) -> frozenset[str]:
        """What the process offers, waited for so long at most. Raises ComponentError."""
        alpha, newer = REFLECTION
        try:
            return await self._listed(alpha, seconds)
        except ComponentError as error:
            if error.code != grpc.StatusCode.UNIMPLEMENTED.value[0]:
                raise
        return await self._listed(newer, seconds)

    async def _listed(self, rpc: Rpc, seconds: float) -> frozenset[str]:
        multi: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = self._channel.stream_stream(rpc.path)
        call = multi(timeout=seconds, wait_for_ready=True, metadata=self._metadata)
        pull = Pull(call, rpc)
        try:
            await pull.write(list_services="*")
            answer = await pull.read()
        finally:
            await pull.leave()
        listed = getattr(answer, "list_services_response", None)
        return frozenset() if listed is None else frozenset(each.name for each in listed.service)

    def open(self, rpc: Rpc) -> Pull:
        """A stream, which is open until it is left."""
        multi: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = self._channel.stream_stream(rpc.path)
        return Pull(multi(metadata=self._metadata), rpc)

    async def close(self) -> None:
        """What is under way ends."""
        await self._channel.close()


class Pull:
    """A stream of messages in both directions.

    The library gives a call up when a task that reads or writes is cancelled. Here it goes on until `leave`,
    so that what was written last arrives.
    """

    def __init__(self, call: grpc.aio.StreamStreamCall[bytes, bytes], rpc: Rpc) -> None:
        self._call = call
        self._rpc = rpc
        self._reading: asyncio.Future[object] | None = None
        self._acknowledged = 0.0

    async def write(self, **fields: object) -> None:
        """Raises ComponentError where the stream has ended."""
        message = _written(self._rpc, fields)
        try:
            await to_its_end(self._call.write(message), LEAVING)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise await self._ended() from error

    async def acknowledge(self, **fields: object) -> None:
        """As `write`; for a moment after it the stream is not left."""
        try:
            await self.write(**fields)
        finally:
            self._acknowledged = asyncio.get_running_loop().time()

    async def read(self) -> Message | None:
        """The next message; None at the end. Raises ComponentError."""
        try:
            data = await self._next()
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error
        if data is not None:
            return _read(self._rpc, data)
        if await self._call.code() is grpc.StatusCode.OK:
            return None
        raise await self._ended()

    async def leave(self) -> None:
        """Nothing more is written, and what comes yet is not looked at. What was written last arrives."""
        try:
            await self._linger()
            async with asyncio.timeout(LEAVING):
                await self._call.done_writing()
                while await self._next() is not None:
                    pass
        except (grpc.RpcError, asyncio.InvalidStateError, TimeoutError):
            pass  # it has ended, or is ended now
        finally:
            self._call.cancel()
            if self._reading is not None:
                self._reading.cancel()

    async def _linger(self) -> None:
        """A process that hands over the next message at once finds the stream yet, as with daprd."""
        rest = self._acknowledged + LEAVING - asyncio.get_running_loop().time()
        if self._acknowledged and rest > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    while await self._next() is not None:
                        pass

    async def _next(self) -> bytes | None:
        """None at the end. Raises AioRpcError."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
        await asyncio.wait((self._reading,))
        data, self._reading = self._reading.result(), None
        return data if isinstance(data, bytes) else None

    async def _ended(self) -> ComponentError:
        code, details = await self._call.code(), await self._call.details()
        number: int = code.value[0]
        error = ComponentError(go_error(number, details or ""))
        error.code = number
        return error


def _written(rpc: Rpc, fields: dict[str, object]) -> bytes:
    """Raises ComponentError for a text that is no UTF-8."""
    try:
        return rpc.request(**fields).SerializeToString()
    except (UnicodeError, ValueError) as error:
        raise ComponentError(go_error(INTERNAL, NO_UTF8)) from error


def _read(rpc: Rpc, data: bytes) -> Message:
    """Raises ComponentError."""
    try:
        return rpc.response.FromString(data)
    except DecodeError as error:
        raise ComponentError(go_error(INTERNAL, f"{UNMARSHALED}: {error}")) from error
