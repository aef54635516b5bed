"""HTTP to the app over sockets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from outboard.sidecar.channel.http1 import Connection, request_head
from outboard.sidecar.channel.tls import unverified_tls
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["DIAL_TIMEOUT", "KEEP_ALIVE", "LONGEST_ANSWER", "app_url", "exchange_with", "host_in_url"]

# Below the 5 s after which uvicorn closes an idle connection, so as not to take one about to be closed.
KEEP_ALIVE: Final = 2.0
DIAL_TIMEOUT: Final = 5.0
LONGEST_ANSWER: Final = 64 * 1024 * 1024
HTTPS_PORT: Final = 443
HTTP_PORT: Final = 80


def app_url(protocol: str, host: str, port: int) -> str:
    """The base address of an app; an IPv6 host gets its brackets."""
    return f"{protocol}://{host_in_url(host)}:{port}"


def host_in_url(host: str) -> str:
    """`host`, in brackets where it is an address of IPv6."""
    return f"[{host}]" if ":" in host else host


@asynccontextmanager
async def exchange_with(base: str, max_body_bytes: int) -> AsyncIterator[Exchange]:
    """An exchange with the app at `base` ("http://127.0.0.1:8000").

    Connections are kept for the next request; there are no proxies and no cookies, redirects are not
    followed, TLS is not verified (as daprd). Of a response so much is kept as no answer needs, or
    `max_body_bytes` where that is more.
    """
    pool = _Pool(base, max(max_body_bytes, LONGEST_ANSWER))
    try:
        yield pool
    finally:
        pool.close()


class _Pool:
    """As many connections as there are requests at once; an idle one is closed after `KEEP_ALIVE` seconds."""

    def __init__(self, base: str, limit: int) -> None:
        url = urlsplit(base)
        secure = url.scheme == "https"
        self._host, self._port = url.hostname or "", url.port or (HTTPS_PORT if secure else HTTP_PORT)
        self._authority = url.netloc
        self._tls = unverified_tls() if secure else None
        self._limit = limit
        self._idle: deque[tuple[float, Connection]] = deque()
        self._busy: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        head = request_head(request, self._authority)
        if timeout is None:
            return await self._exchange(head, request.body)
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(head, request.body)
        except TimeoutError as error:
            raise ExchangeFailed("context deadline exceeded") from error

    async def _exchange(self, head: bytes, body: bytes) -> Response:
        connection = self._kept() or await self._dial()
        self._busy.add(connection)
        try:
            return await connection.exchange(head, body)
        finally:
            self._busy.discard(connection)
            if connection.usable:
                self._keep(connection)

    def close(self) -> None:
        """Close all connections; requests that are under way fail."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._busy, *(idle for _, idle in self._idle)):
            connection.close()

    async def _dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._limit), self._host, self._port, ssl=self._tls
                )
        except (OSError, ValueError) as error:  # an OSError too: out of time, TLS; a ValueError: no host name
            reason = str(error) or f"no connection within {DIAL_TIMEOUT:g} s"
            raise ExchangeFailed(f"{type(error).__name__}: {reason}", sent=False) from error
        return connection

    def _kept(self) -> Connection | None:
        """The one that was used last."""
        too_old = asyncio.get_running_loop().time() - KEEP_ALIVE
        while self._idle:
            since, connection = self._idle.pop()
            if connection.usable and since > too_old:
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time(), connection))
        if self._sweep is None:
            self._sweep = loop.call_later(KEEP_ALIVE, self._close_old)

    def _close_old(self) -> None:
        """Those that lie idle for too long, oldest first; come again as long as there are others."""
        loop, self._sweep = asyncio.get_running_loop(), None
        while self._idle and (self._idle[0][0] <= loop.time() - KEEP_ALIVE or not self._idle[0][1].usable):
            self._idle.popleft()[1].close()
        if self._idle:
            self._sweep = loop.call_at(self._idle[0][0] + KEEP_ALIVE, self._close_old)
