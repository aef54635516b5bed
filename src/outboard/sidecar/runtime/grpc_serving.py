"""The gRPC API on sockets that are bound already: its library is loaded when somebody connects.

It costs 0.2 s of a start and a third of a sidecar's memory, which nobody pays who speaks HTTP. And it binds
by itself: so it listens where only this process looks for it, and connections are spliced to it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.runtime.splicing import splicing

if TYPE_CHECKING:
    from outboard.sidecar.api.grpc.api import GrpcApi
    from outboard.sidecar.api.grpc.internal import InternalApi

__all__ = ["serving_grpc"]


@asynccontextmanager
async def serving_grpc(
    make: Callable[[], GrpcApi | InternalApi],
    sockets: Sequence[socket.socket],
    drain: float | None,
    log: SidecarLog,
) -> AsyncIterator[Callable[[], None]]:
    """Take connections while the block runs; `make` is called in a thread, where it loads the library.

    At the end calls in hand get `drain` seconds (None: no limit). Yields what to call to take no further
    connections and calls, before the block ends.
    """
    server = _Server(make, drain, log)
    async with splicing(sockets, server.connect) as close_sockets:
        task = asyncio.create_task(server.serve())

        def close() -> None:
            close_sockets()
            server.closing.set()

        try:
            yield close
        finally:
            close()
            await task


class _Server:
    """Begins when the first one connects."""

    def __init__(
        self, make: Callable[[], GrpcApi | InternalApi], drain: float | None, log: SidecarLog
    ) -> None:
        self.closing = asyncio.Event()
        self._make = make
        self._drain = drain
        self._log = log
        self._asked = asyncio.Event()
        self._up = asyncio.Event()
        self._path, self._port = Path(), 0

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Raises OSError."""
        self._asked.set()
        await self._up.wait()
        loop = asyncio.get_running_loop()
        if sys.platform == "win32":
            await loop.create_connection(protocol, "127.0.0.1", self._port)
        else:
            await loop.create_unix_connection(protocol, str(self._path))

    async def serve(self) -> None:
        """Return some time after `closing` is set."""
        closing = asyncio.ensure_future(self.closing.wait())
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait((closing, asked), return_when=asyncio.FIRST_COMPLETED)
            if not closing.done():
                await self._serve()
        except Exception:
            # The HTTP API goes on; who connects meets the end of the connection, and the log has why.
            self._log.exception("the gRPC API cannot be served")
        finally:
            closing.cancel()
            asked.cancel()
            self._up.set()

    async def _serve(self) -> None:
        api = await asyncio.to_thread(self._make)
        from outboard.sidecar.api.grpc.server import serving  # an extra

        with self._address() as address:
            async with serving(api, address, self._drain) as self._port:
                self._up.set()
                await self.closing.wait()

    @contextmanager
    def _address(self) -> Iterator[str]:
        """Nobody else finds it on POSIX; elsewhere it is a port of loopback."""
        if sys.platform == "win32":
            yield "127.0.0.1:0"
            return
        with TemporaryDirectory(prefix="outboard-grpc-") as folder:
            self._path = Path(folder, "socket")
            yield f"unix:{self._path}"
