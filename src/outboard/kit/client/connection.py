"""The one pooled HTTP client of a board. Only this file imports aiohttp."""

from __future__ import annotations

import io
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from outboard.kit.client.settings import Settings
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["connect"]

IDLE_SECONDS: Final = 15.0
CONNECTIONS: Final = 100
LARGE_BODY: Final = 2**20


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Exchange]:
    """A pool of connections to the sidecar; nothing is sent before the first request.

    Proxy variables are honoured unless the sidecar is on this machine.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=not settings.on_loopback,
        headers={"user-agent": "outboard"},
        trace_configs=[_notice_reuse()],
    )
    async with session:
        yield _AiohttpExchange(session, settings.endpoint)


class _AiohttpExchange:
    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session = session
        self._endpoint = endpoint

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        connection = SimpleNamespace(reused=False)
        try:
            async with self._session.request(
                request.method,
                URL(self._endpoint + request.target, encoded=True),
                headers=request.headers,
                data=_body(request.body),
                # Without a threshold of infinity, longer times are rounded up to whole seconds.
                timeout=aiohttp.ClientTimeout(total=timeout, ceil_threshold=math.inf),
                allow_redirects=False,
                trace_request_ctx=connection,
            ) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status, headers, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translate(error, connection.reused) from error


def _body(body: bytes) -> bytes | io.BytesIO | None:
    """aiohttp warns of more than 1 MiB at once, and a test run may take warnings for errors."""
    return io.BytesIO(body) if len(body) > LARGE_BODY else body or None


def _translate(error: BaseException, reused: bool) -> ExchangeFailed:
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return ExchangeFailed(_reason(error), sent=False)
    if isinstance(error, TimeoutError):
        return ExchangeFailed("the time was up")
    broken = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError))
    return ExchangeFailed(_reason(error), dropped=broken and reused)


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection: {error.os_error.strerror or error.os_error}"
    return str(error) or type(error).__name__


def _notice_reuse() -> aiohttp.TraceConfig:
    """A connection that was used before may have been closed by the other side while it lay idle."""

    async def reused(
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceConnectionReuseconnParams,
    ) -> None:
        context.trace_request_ctx.reused = True

    config = aiohttp.TraceConfig()
    config.on_connection_reuseconn.append(reused)
    return config
