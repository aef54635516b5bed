"""HTTP to an ASGI application by a function call, and its lifespan. Source: the ASGI specification, 3.0."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from functools import lru_cache
from types import coroutine
from typing import Any, Final, TypeAlias, TypeVar, cast
from urllib.parse import unquote

from outboard.wire.http import ExchangeFailed, Request, Response

__all__ = ["ASGIApp", "AsgiExchange", "AsgiLifespan", "Message", "Receive", "Scope", "Send"]

log: Final = logging.getLogger("outboard.asgi")

T = TypeVar("T")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

VERSION: Final = {"version": "3.0", "spec_version": "2.4"}


class AsgiExchange:
    """The `Exchange` with `app`, which runs in the task of the caller.

    `state` is what its lifespan left for its requests. The app is stepped by hand up to the first await that
    is not ready, because most never come to one, and need no timer: 3.7 µs of CPU a request instead of 8.4
    (benchmarks/stepping.py).
    """

    def __init__(self, app: ASGIApp, state: dict[str, Any] | None = None) -> None:
        self._app = app
        self._state = state if state is not None else {}

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        answering = self._answer(request)
        try:
            awaited = answering.send(None)
        except StopIteration as end:
            return cast("Response", end.value)  # it had nothing to wait for, and needed no timer
        bound = asyncio.timeout(timeout)
        try:
            async with bound:
                return await _resumed(answering, awaited)
        except TimeoutError:
            if not bound.expired():
                raise
            raise ExchangeFailed(f"no answer within {timeout} s") from None

    async def _answer(self, request: Request) -> Response:
        messages = _Messages(request.body)
        try:
            await self._app(_scope(request, self._state), messages.receive, messages.send)
        except BaseException as error:
            if not isinstance(error, Exception) and not _is_own_cancellation(error):
                raise
            log.exception("%s %s raised", request.method, request.target)
            return messages.response() or Response(500, {}, b"Internal Server Error")
        response = messages.response()
        if response is None:
            raise ExchangeFailed("the app ended without an answer")
        return response


def _is_own_cancellation(error: BaseException) -> bool:
    """Whether the app raised it with nobody having cancelled its task: to a server that is any error."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()


@coroutine
def _resumed(begun: Coroutine[Any, None, T], awaited: object) -> Generator[Any, None, T]:
    """What `begun` returns, whose first step has ended in waiting for `awaited`."""
    while True:
        try:
            yield awaited
        except BaseException as error:
            try:
                awaited = begun.throw(error)
            except StopIteration as end:
                return cast("T", end.value)
        else:
            result: T = yield from begun
            return result


class _Messages:
    """Those of one request with this `body`, and of its response."""

    __slots__ = ("_body", "_parts", "_start")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            await asyncio.Event().wait()  # the client stays until it has its answer
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))

    def response(self) -> Response | None:
        """None where none was begun."""
        if self._start is None:
            return None
        pairs = self._start.get("headers", ())
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
        return Response(self._start["status"], headers, b"".join(self._parts))


def _scope(request: Request, state: dict[str, Any]) -> Scope:
    target, _, query = request.target.partition("?")
    path, raw_path = _path(target)
    pairs = {"host": "localhost", "content-length": str(len(request.body)), **request.headers}
    headers = [(name.lower().encode("latin-1"), value.encode("utf-8")) for name, value in pairs.items()]
    return {
        "type": "http",
        "asgi": VERSION,
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": raw_path,
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": state.copy(),
    }


@lru_cache(maxsize=256)
def _path(target: str) -> tuple[str, bytes]:
    """As an app reads it, and as it was sent."""
    return unquote(target), target.encode("ascii")


class AsgiLifespan:
    """Starts an app, and ends it, as a server does. `state` is what its lifespan leaves for its requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._orders: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the app has started. Raises what its start raised."""
        self._life = asyncio.create_task(self._live())
        await self._order("startup")

    async def end(self) -> None:
        """Shut the app down, if it runs. Raises what its end raised."""
        if self._life is not None and not self._life.done():
            await self._order("shutdown")
            await self._life

    async def _live(self) -> None:
        scope = {"type": "lifespan", "asgi": VERSION, "state": self.state}
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
