"""HTTP/2 without TLS to the app: connections that its requests share, and the exchange over them.

Source: RFC 9113, "Starting HTTP/2 with Prior Knowledge"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from outboard.sidecar.channel.exchange import DIAL_TIMEOUT, KEEP_ALIVE, LONGEST_ANSWER, host_in_url
from outboard.sidecar.channel.http1 import AGENT, unpacked
from outboard.sidecar.channel.http2 import Http2Connection, Http2Stream
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["H2cConnections", "h2c_connections", "h2c_exchange_with"]

BROKEN: Final = frozenset("\r\n\0")
ATTEMPTS: Final = 3
"""So often a request is made that the app has certainly not read."""


@asynccontextmanager
async def h2c_connections(host: str, port: int) -> AsyncIterator[H2cConnections]:
    """Connections with the app at `port` of `host`, while the block runs."""
    connections = H2cConnections(host, port)
    try:
        yield connections
    finally:
        connections.close()


@asynccontextmanager
async def h2c_exchange_with(host: str, port: int, max_body_bytes: int) -> AsyncIterator[Exchange]:
    """As `exchange_with`, of HTTP/2 with an app that expects it."""
    async with h2c_connections(host, port) as connections:
        yield _H2cExchange(connections, max(max_body_bytes, LONGEST_ANSWER))


class H2cConnections:
    """Mostly one: another is made when the app takes no more requests at a time on those that are there."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._authority = f"{host_in_url(host)}:{port}"
        self._open: list[Http2Connection] = []
        self._dialling = asyncio.Lock()

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: AsyncIterable[bytes] | None
    ) -> Http2Stream:
        """Send a request, and wait for the head of its response. The stream is to be closed.

        Raises ExchangeFailed, and what reading `body` raises.
        """
        named = [(":method", method), (":scheme", "http"), (":authority", self._authority), (":path", target)]
        try:
            head = [(each.encode(), _text(value)) for each, value in [*named, *headers]]
        except UnicodeEncodeError:
            raise ExchangeFailed("text that is not Unicode in the head of the request", sent=False) from None
        return await (await self._connection()).request(head, body)

    def close(self) -> None:
        """Requests that are under way fail."""
        for connection in self._open:
            connection.close()

    async def _connection(self) -> Http2Connection:
        async with self._dialling:  # those who wait share what the first one makes
            too_old = asyncio.get_running_loop().time() - KEEP_ALIVE
            for connection in list(self._open):
                if connection.is_idle and connection.idle_since < too_old:
                    connection.close()
                    self._open.remove(connection)
                elif connection.takes_more:
                    return connection
                elif connection.is_idle:
                    self._open.remove(connection)
            connection = await self._dial()
            self._open.append(connection)
            return connection

    async def _dial(self) -> Http2Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                _, connection = await loop.create_connection(Http2Connection, self._host, self._port)
        except (OSError, ValueError) as error:  # an OSError too: out of time; a ValueError: no host name
            raise ExchangeFailed(self._not_reached(error), sent=False) from error
        return connection

    def _not_reached(self, error: Exception) -> str:
        if isinstance(error, ConnectionRefusedError):
            return f"dial tcp {self._authority}: connect: connection refused"
        return f"{type(error).__name__}: {str(error) or f'no connection within {DIAL_TIMEOUT:g} s'}"


class _H2cExchange:
    """Exchange over `connections`, of whose responses `limit` bytes are kept."""

    def __init__(self, connections: H2cConnections, limit: int) -> None:
        self._connections = connections
        self._limit = limit

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        try:
            async with asyncio.timeout(timeout):
                return await self._attempted(request)
        except TimeoutError as error:
            raise ExchangeFailed("context deadline exceeded") from error

    async def _attempted(self, request: Request) -> Response:
        """Again where an app that is about to end left the request unread. Nobody who listens is no such."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._exchange(request)
            except ExchangeFailed as failure:
                if failure.sent or failure.__cause__ is not None:
                    raise
        return await self._exchange(request)

    async def _exchange(self, request: Request) -> Response:
        headers = [("user-agent", AGENT), ("accept-encoding", "gzip"), *request.headers.items()]
        if request.body or request.method == "POST":
            headers.append(("content-length", str(len(request.body))))
        body = _once(request.body) if request.body else None
        stream = await self._connections.request(request.method, request.target, headers, body)
        try:
            content = bytearray()
            async for chunk in stream.chunks():
                content += chunk
                if len(content) > self._limit:
                    break
        finally:
            stream.close()
        told, answer = dict(stream.headers), bytes(content[: self._limit])
        if told.get("content-encoding", "").lower() == "gzip":
            answer = unpacked(answer, self._limit)
        return Response(stream.status, told, answer)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _text(value: str) -> bytes:
    if not BROKEN.isdisjoint(value):
        raise ExchangeFailed("a line break in the head of the request", sent=False)
    return value.encode("utf-8", "surrogateescape")
