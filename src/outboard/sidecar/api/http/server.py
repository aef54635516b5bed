"""Serving an ASGI app on sockets, inside a loop that belongs to somebody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import uvicorn

from outboard.asgi import Receive, Scope, Send
from outboard.sidecar.api.http.http2.switching import SwitchingHttpProtocol
from outboard.sidecar.api.http.protocol import BoundedHttpProtocol
from outboard.sidecar.http2_library import is_h2_installed

__all__ = ["Served", "serving"]


class Served(Protocol):
    """An ASGI app that says from which size on, in bytes, the head of a request is refused."""

    @property
    def max_head_bytes(self) -> int: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the one who runs the loop decides what a signal means."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def close(self) -> None:
        self.should_exit = True

    def cut(self) -> None:
        """End what is in hand without an answer, as daprd does: who waits for one sees the connection end."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        for task in list(self.server_state.tasks):
            task.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    api: Served, sockets: Sequence[socket.socket], drain: float | None, *, http2: bool = False
) -> AsyncIterator[Callable[[], None]]:
    """Serve `api` while the block runs; at its end requests in hand get `drain` seconds (None: no limit).

    With `http2` that is spoken, too, without TLS, if its library is installed.

    Yields what to call to take no further requests, before the block ends.
    """
    config = uvicorn.Config(
        api,
        http=SwitchingHttpProtocol if http2 and is_h2_installed() else BoundedHttpProtocol,
        h11_max_incomplete_event_size=api.max_head_bytes,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=list(sockets)))
    try:
        await _up(server, task)
        yield server.close
    finally:
        server.close()
        try:
            await asyncio.wait((task,), timeout=drain)
        finally:
            if not task.done():
                server.cut()
            await task


async def _up(server: _Server, task: asyncio.Task[None]) -> None:
    up = asyncio.ensure_future(server.up.wait())
    await asyncio.wait((up, task), return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    if task.done():
        await task
        raise RuntimeError("the HTTP server ended before it began")
