"""HTTP to an ASGI application by a function call, and its lifespan. Source: the ASGI specification, 3.0."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from outboard.wire.http import ExchangeFailed, Request, Response

__all__ = ["ASGIApp", "AppLife", "AsgiExchange"]

log: Final = logging.getLogger("outboard.testing")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

VERSION: Final = {"version": "3.0", "spec_version": "2.4"}


class AsgiExchange:
    """The `Exchange` with `app`, which runs in the task of the caller.

    `state` is what its lifespan left for its requests.
    """

    def __init__(self, app: ASGIApp, state: dict[str, Any] | None = None) -> None:
        self._app = app
        self._state = state if state is not None else {}

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        if timeout is None:
            return await self._answer(request)
        bound = asyncio.timeout(timeout)
        try:
            async with bound:
                return await self._answer(request)
        except TimeoutError:
            if not bound.expired():
                raise
            raise ExchangeFailed(f"no answer within {timeout} s") from None

    async def _answer(self, request: Request) -> Response:
        answer = _Answer()
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()  # the client stays until it has its answer
            sent = True
            return {"type": "http.request", "body": request.body, "more_body": False}

        try:
            await self._app(_scope(request, dict(self._state)), receive, answer.take)
        except Exception:
            log.exception("%s %s raised", request.method, request.target)
            return answer.response() or Response(500, {}, b"Internal Server Error")
        response = answer.response()
        if response is None:
            raise ExchangeFailed("the app ended without an answer")
        return response


class _Answer:
    """Collects the messages of one response."""

    def __init__(self) -> None:
        self._start: Message | None = None
        self._body = bytearray()

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def response(self) -> Response | None:
        if self._start is None:
            return None
        pairs = self._start.get("headers", [])
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
        return Response(self._start["status"], headers, bytes(self._body))


def _scope(request: Request, state: dict[str, Any]) -> Scope:
    raw_path, _, query = request.target.partition("?")
    pairs = {"host": "localhost", "content-length": str(len(request.body)), **request.headers}
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs.items()]
    return {
        "type": "http",
        "asgi": VERSION,
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": state,
    }


class AppLife:
    """An app's lifespan, begun when its first request comes: by then its sidecar has its components."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._orders: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._life: asyncio.Task[None] | None = None
        self._exchange = AsgiExchange(app, self._state)
        self._starting = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def of(cls, app: ASGIApp) -> AsyncIterator[AppLife]:
        """The life of `app`; at the end of the block the app is shut down, if it was started."""
        life = cls(app)
        try:
            yield life
        finally:
            await life._end()

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        """Be an `Exchange`. Raises what the app's start raised.

        Each request is a task of its own, as with a server: what the app does to its task and its context
        variables does not reach the sidecar, which goes on with the next event.
        """
        if self._life is None or self._starting.locked():
            await self.start()
        return await asyncio.create_task(self._exchange(request, timeout))

    async def start(self) -> None:
        """Return when the app has started. Raises what its start raised."""
        async with self._starting:
            if self._life is None:
                self._life = asyncio.create_task(self._live())
                await self._order("startup")

    async def _end(self) -> None:
        if self._life is not None and not self._life.done():
            await self._order("shutdown")
            await self._life

    async def _live(self) -> None:
        scope = {"type": "lifespan", "asgi": VERSION, "state": self._state}
        await self._app(scope, self._orders.get, self._heard.put)

    async def _order(self, name: str) -> None:
        assert self._life is not None
        self._orders.put_nowait({"type": f"lifespan.{name}"})
        hearing = asyncio.ensure_future(self._heard.get())
        await asyncio.wait((hearing, self._life), return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done():
            hearing.cancel()
            await self._ended_early(name)
        elif hearing.result()["type"].endswith(".failed"):
            await self._life  # raises the reason itself, which says more than the message
            raise RuntimeError(f"the app's {name} failed: {hearing.result().get('message', '')}")

    async def _ended_early(self, name: str) -> None:
        """An app that does not know lifespans ends or raises at once: then it has none."""
        assert self._life is not None
        error = self._life.exception()
        if error is not None and name == "shutdown":
            raise error
