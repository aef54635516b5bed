"""The app beside a sidecar, over HTTP/2 without TLS: hypercorn serves it, the answers are those of `App`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from conformance.app import WITHOUT_BODY, App, Received, entries_of
from conformance.question import Entries, Hang, Late, Respond
from outboard.asgi import ASGIApp, Receive, Scope, Send

__all__ = ["H2cApp", "body_of", "serving_h2c"]


class H2cApp(App):
    """It is asked in HTTP/2 only: what comes in HTTP/1.1 is kept under another path."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with serving_h2c(self) as self.port:
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        received = await _received(scope, receive)
        answer = await self._answer(received)
        if isinstance(answer, Late):
            await asyncio.sleep(answer.seconds)
            answer = answer.answer
        if isinstance(answer, Hang):
            await asyncio.Event().wait()
        if isinstance(answer, Entries):
            answer = entries_of(answer, received.body)
        assert isinstance(answer, Respond), "not over HTTP/2"
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if answer.status in WITHOUT_BODY else answer.body
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving_h2c(app: ASGIApp) -> AsyncIterator[int]:
    """`app` on a free port of loopback, the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        config, ends = Config(), asyncio.Event()
        config.bind = [f"fd://{listening.detach()}"]
        config.accesslog = config.errorlog = None
        config.graceful_timeout = 0.1
        serving = asyncio.create_task(serve(cast("ASGIFramework", app), config, shutdown_trigger=ends.wait))
        try:
            yield port
        finally:
            ends.set()
            await serving


async def _received(scope: Scope, receive: Receive) -> Received:
    target = scope["raw_path"].decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    if scope["http_version"] != "2":
        target = f"/http-{scope['http_version']}{target}"
    return Received(scope["method"], target, tuple(sorted(headers)), await body_of(receive))


async def body_of(receive: Receive) -> bytes:
    """All of a request's body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
