"""A port of a pod as a port of this machine, for clients that make their own connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from outboard.doctor.kubernetes.api import Access, PodStream
from outboard.doctor.kubernetes.tunnel import DATA, ERROR, REFUSED

__all__ = ["LOOPBACK", "Forward", "forwarded"]

LOOPBACK: Final = "127.0.0.1"
SIZE: Final = 65_536


class Forward:
    """One connection to a port of a pod: whoever connects to `port` of this machine first has it.

    `refused` is whether nobody listens in the pod.
    """

    def __init__(self, stream: PodStream) -> None:
        self.port = 0
        self.refused = False
        self._stream = stream
        self._is_taken = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways, until one of the two ends."""
        try:
            if not self._is_taken:
                self._is_taken = True
                ways = (self._send(reader), self._receive(writer))
                tasks = [asyncio.create_task(way) for way in ways]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            writer.close()

    async def _send(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(SIZE):
            await self._stream.send(bytes([DATA]) + data)

    async def _receive(self, writer: asyncio.StreamWriter) -> None:
        begun: set[int] = set()
        while message := await self._stream.receive():
            channel = message[0]
            if channel not in begun:
                begun.add(channel)
            elif channel == DATA:
                writer.write(message[1:])
                await writer.drain()
            elif channel == ERROR:
                self.refused = REFUSED in message.decode("utf-8", "replace")
                return


@asynccontextmanager
async def forwarded(access: Access, pod: str, namespace: str, port: int) -> AsyncIterator[Forward]:
    """A way to the port of the pod. Raises ApiRefused where one may not, OSError where there is no API
    server.
    """
    async with access.stream(pod, namespace, port) as stream:
        forward = Forward(stream)
        server = await asyncio.start_server(forward.carry, LOOPBACK, 0)
        try:
            forward.port = server.sockets[0].getsockname()[1]
            yield forward
        finally:
            server.close()
