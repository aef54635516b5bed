"""Connections of listening sockets, each spliced to one of a server behind them.

So the sockets are our own, bound before anything else, for a library that would bind by itself.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, cast

__all__ = ["Connect", "splicing"]

BACKLOG: Final = 2048
LAST_BYTES: Final = 1.0
"""Seconds."""
Connect: TypeAlias = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]
"""Connect the protocol that a factory makes to the server behind. Raises OSError."""


class _End(asyncio.Protocol):
    """One of the two connections that are spliced: what it receives, the other one sends."""

    def __init__(self, other: _End | None = None) -> None:
        self.other = other
        self._transport: asyncio.Transport | None = None
        self._early = b""
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self.other is not None:
            self.other.join(self)

    def join(self, other: _End) -> None:
        """`other` gets what came before it was there, and all that comes from now on."""
        self.other = other
        other.send(self._early)
        self._early = b""
        self.read()
        if self._ended:
            other.end()

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
            self.wait()
        else:
            self.other.send(data)

    def eof_received(self) -> bool:
        self._ended = True
        if self.other is not None:
            self.other.end()
        return True  # it may still be sent to

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.other is not None:
            self.other.close()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.wait()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.read()

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def end(self) -> None:
        """Tell that nothing more will be sent."""
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()
        if self._ended:
            self.close()

    def wait(self) -> None:
        """Receive nothing for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def read(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Accepted(_End):
    """The end that a client has connected to. `opened` and `closed` are told of it."""

    def __init__(self, opened: Callable[[_Accepted], None], closed: Callable[[_Accepted], None]) -> None:
        super().__init__()
        self._opened = opened
        self._closed = closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._closed(self)


class _Splices:
    """All connections of one block."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._open = set[_Accepted]()
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._joining = set[asyncio.Task[None]]()

    def accept(self) -> _Accepted:
        return _Accepted(self._opened, self._closed)

    async def close(self) -> None:
        """Return once all are closed; a client that reads no more is not waited for long."""
        for task in self._joining:
            task.cancel()
        for each in list(self._open):
            each.close()
        try:
            async with asyncio.timeout(LAST_BYTES):
                await self._none_open.wait()
        except TimeoutError:
            for each in list(self._open):
                each.abort()

    def _opened(self, accepted: _Accepted) -> None:
        self._open.add(accepted)
        self._none_open.clear()
        task = asyncio.get_running_loop().create_task(self._join(accepted))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    def _closed(self, accepted: _Accepted) -> None:
        self._open.discard(accepted)
        if not self._open:
            self._none_open.set()

    async def _join(self, accepted: _Accepted) -> None:
        try:
            await self._connect(lambda: _End(accepted))
        except OSError:
            accepted.close()


@asynccontextmanager
async def splicing(sockets: Sequence[socket.socket], connect: Connect) -> AsyncIterator[Callable[[], None]]:
    """Take connections at `sockets`, which listen, while the block runs; at its end they are closed.

    One that `connect` raises OSError for is closed at once. Yields what to call to take no further ones.
    """
    loop, splices = asyncio.get_running_loop(), _Splices(connect)
    servers = [await loop.create_server(splices.accept, sock=each, backlog=BACKLOG) for each in sockets]

    def close() -> None:
        for server in servers:
            server.close()

    try:
        yield close
    finally:
        close()
        await splices.close()
