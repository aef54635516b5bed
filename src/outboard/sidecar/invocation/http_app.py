"""HTTP to an app, and to what has no sidecar: bodies are passed on as they come, both ways."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from yarl import URL

from outboard.sidecar.invocation.app import has_body, http_call, sent_headers
from outboard.sidecar.invocation.values import (
    AnswerBody,
    AppCall,
    Headers,
    InvocationAnswer,
    InvocationFailed,
)

__all__ = ["HttpApp", "http_session"]

# Below the 5 s after which uvicorn closes an idle connection, so as not to take one about to be closed.
KEEP_ALIVE: Final = 2.0
DIAL_TIMEOUT: Final = 15.0
CONNECTIONS: Final = 1024
LONGEST_LINE: Final = 64 * 1024
NOT_ADDED: Final = ("accept", "accept-encoding", "content-type", "user-agent")


@asynccontextmanager
async def http_session(tls: ssl.SSLContext | bool) -> AsyncIterator[aiohttp.ClientSession]:
    """Connections that are kept for the next call: no proxies, no cookies, bodies as they are.

    `tls` True verifies as usual, False not at all.
    """
    connector = aiohttp.TCPConnector(
        limit=0, limit_per_host=CONNECTIONS, keepalive_timeout=KEEP_ALIVE, ssl=tls
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=NOT_ADDED,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=DIAL_TIMEOUT),
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
    ) as session:
        yield session


class HttpApp:
    """AppCaller of what listens at `base` ("http://127.0.0.1:8000"); its `headers` replace the call's."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, token: str = "", headers: Headers = ()
    ) -> None:
        self._session = session
        self._base = base
        self._token = token
        self._headers = headers

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        request = http_call(call, self._base, self._token)
        url, sending = f"{self._base}{request.target}", _Sending(call)
        try:
            response = await self._session.request(
                request.verb,
                URL(url, encoded=True),
                headers=sent_headers(request, self._headers),
                data=sending.chunks() if has_body(request, call) else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if sending.problem is not None and not isinstance(sending.problem, InvocationFailed):
                raise sending.problem from error
            told = f'{request.verb.capitalize()} "{url}": {sending.problem or _reason(error)}'
            raise InvocationFailed(told) from error
        headers = [
            (name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape"))
            for name, value in response.raw_headers
            if name.lower() != b"content-length"  # it may not be that of what is passed on
        ]
        return InvocationAnswer(response.status, headers, _answer_body(response))


class _Sending:
    """The body of a call on its way; `problem` is what ended it too soon, which the library hides."""

    def __init__(self, call: AppCall) -> None:
        self._call = call
        self.problem: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._call.body.chunks():
                yield chunk
        except Exception as error:
            self.problem = error
            raise


def _answer_body(response: aiohttp.ClientResponse) -> AnswerBody:
    async def close() -> None:
        response.close()  # where all was read, its connection is kept already

    return AnswerBody(_chunks(response)).binding(close)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """What comes; of a body that breaks off daprd, too, passes on what there is."""
    content = response.content
    try:
        async for chunk in content.iter_any():
            yield chunk
    except aiohttp.ClientPayloadError:
        yield b"".join(content._buffer)  # the library gives out none of it once there is an error


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = isinstance(error.os_error, ConnectionRefusedError)
        why = "connect: connection refused" if refused else (error.strerror or str(error.os_error))
        return f"dial tcp {error.host}:{error.port}: {why}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return f"no connection within {DIAL_TIMEOUT:g} s"
    return str(error) or type(error).__name__
