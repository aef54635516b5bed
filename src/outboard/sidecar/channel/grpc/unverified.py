"""TLS to an app over gRPC without verification, which the library has no way of.

So the library talks plainly to a port of loopback, and what comes there goes on over TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from outboard.sidecar.channel.tls import unverified_tls

__all__ = ["unverified"]

CHUNK: Final = 64 * 1024
DIAL_TIMEOUT: Final = 5.0
LOOPBACK: Final = "127.0.0.1"
HTTP2: Final = "h2"


@asynccontextmanager
async def unverified(host: str, port: int) -> AsyncIterator[int]:
    """A port of loopback, while the block runs: who connects to it speaks to `port` of `host`, over TLS."""
    connections: set[asyncio.Task[None]] = set()
    tls = unverified_tls(HTTP2)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                app_reader, app_writer = await asyncio.open_connection(host, port, ssl=tls)
        except (
            OSError
        ):  # a TimeoutError and an SSLError, too: the library sees its connection end, and says so
            writer.close()
            return
        await asyncio.gather(_copy(reader, app_writer), _copy(app_reader, writer))

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(relay(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        ended = list(connections)
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until there is no more; then the other side is told, which ends the way back, too."""
    try:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
