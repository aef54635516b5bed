"""HTTP to the app over sockets, through aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
from yarl import URL

from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["app_url", "exchange_with"]

# Below the 5 s after which uvicorn closes an idle connection, so as not to take one about to be closed.
KEEP_ALIVE: Final = 2.0
DIAL_TIMEOUT: Final = 5.0
CHUNK: Final = 64 * 1024
LONGEST_ANSWER: Final = 64 * 1024 * 1024


def app_url(protocol: str, host: str, port: int) -> str:
    """The base address of an app; an IPv6 host gets its brackets."""
    return f"{protocol}://[{host}]:{port}" if ":" in host else f"{protocol}://{host}:{port}"


@asynccontextmanager
async def exchange_with(base: str, max_body_bytes: int) -> AsyncIterator[Exchange]:
    """An exchange with the app at `base` ("http://127.0.0.1:8000").

    Connections are pooled; proxies and cookies are ignored, redirects are not followed, TLS is not verified
    (as daprd). Of a response so much is kept as no answer needs, or `max_body_bytes` where that is more.
    """
    connector = aiohttp.TCPConnector(limit=0, ssl=False, keepalive_timeout=KEEP_ALIVE)
    async with aiohttp.ClientSession(
        connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield _AiohttpExchange(session, base, max(max_body_bytes, LONGEST_ANSWER))


class _AiohttpExchange:
    def __init__(self, session: aiohttp.ClientSession, base: str, max_body_bytes: int) -> None:
        self._session = session
        self._base = base
        self._max_body_bytes = max_body_bytes

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        try:
            async with asyncio.timeout(timeout):
                return await self._once(request)
        except TimeoutError as error:
            raise ExchangeFailed("context deadline exceeded") from error
        except aiohttp.ClientConnectorError as error:
            raise ExchangeFailed(f"{type(error).__name__}: {error}", sent=False) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ExchangeFailed(f"{type(error).__name__}: {error}") from error

    async def _once(self, request: Request) -> Response:
        async with self._session.request(
            request.method,
            URL(self._base + request.target, encoded=True),
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=DIAL_TIMEOUT),
        ) as response:
            body = await self._read(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status, headers, body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        with suppress(aiohttp.ClientPayloadError):  # cut short: daprd takes what there is
            async for chunk in response.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > self._max_body_bytes:
                    response.close()  # the rest is not wanted, and reading it would hold the connection
                    return bytes(body[: self._max_body_bytes])
        return bytes(body)
