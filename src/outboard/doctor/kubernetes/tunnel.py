"""HTTP to a port of a pod, through the API server, as `kubectl port-forward` reaches it.

Source: Kubernetes, the WebSocket protocol of port-forward: the first byte of a message is its channel, 0 for
the data of a port, 1 for what went wrong; the first message of each channel is the number of the port.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from outboard.doctor.kubernetes.api import Access, PodStream
from outboard.sidecar.channel.http1 import Connection, request_head
from outboard.wire.http import NO_HEADERS, ExchangeFailed, Request, Response

__all__ = ["DATA", "ERROR", "REFUSED", "Tunnel", "nobody_listens", "tunnel"]

SECONDS: Final = 3.0
"""How long an answer of an app or a sidecar is waited for."""
LONGEST_ANSWER: Final = 4 * 1024 * 1024
DATA, ERROR = 0, 1
REFUSED: Final = "connection refused"


class Tunnel:
    """Requests to one port, one after the other."""

    def __init__(self, connection: Connection, port: int) -> None:
        self._connection, self._port = connection, port

    async def ask(
        self, target: str, headers: Mapping[str, str] = NO_HEADERS, method: str = "GET"
    ) -> Response | str:
        """The response, or why there is none."""
        if not self._connection.usable:
            return "the connection was closed"
        try:
            head = request_head(Request(method, target, headers), f"localhost:{self._port}")
            async with asyncio.timeout(SECONDS):
                return await self._connection.exchange(head, b"")
        except ExchangeFailed as error:
            return nobody_listens(self._port) if REFUSED in error.reason else error.reason
        except TimeoutError:
            return f"no answer within {SECONDS:g} s"


def nobody_listens(port: int) -> str:
    """What is said where the port is closed."""
    return f"nobody listens on port {port}"


@asynccontextmanager
async def tunnel(access: Access, pod: str, namespace: str, port: int) -> AsyncIterator[Tunnel]:
    """A way to the port. Raises ApiRefused where one may not, OSError where there is no API server."""
    async with access.stream(pod, namespace, port) as stream:
        outgoing = _Outgoing()
        connection = Connection(LONGEST_ANSWER)
        connection.connection_made(outgoing)
        ways = [
            asyncio.ensure_future(_send(stream, outgoing)),
            asyncio.ensure_future(_receive(stream, connection, outgoing)),
        ]
        try:
            yield Tunnel(connection, port)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


class _Outgoing(asyncio.Transport):
    """Keeps what is written until it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.written: asyncio.Queue[bytes] = asyncio.Queue()
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.put_nowait(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0  # a connection that had some left could not be kept

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True


async def _send(stream: PodStream, outgoing: _Outgoing) -> None:
    while True:
        await stream.send(bytes([DATA]) + await outgoing.written.get())


async def _receive(stream: PodStream, connection: Connection, outgoing: _Outgoing) -> None:
    begun: set[int] = set()
    reason: Exception | None = None
    while reason is None and (message := await stream.receive()):
        channel = message[0]
        if channel not in begun:
            begun.add(channel)
        elif channel == DATA:
            connection.data_received(message[1:])
        elif channel == ERROR:
            reason = ConnectionError(message[1:].decode("utf-8", "replace").strip())
    outgoing.close()
    connection.connection_lost(reason)
