"""Carries W3C trace context from a request, or from an event, to what is published because of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import partial
from typing import Final, TypeAlias

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from outboard.wire.tracing import TraceContext

__all__ = ["FindTrace", "TraceContextMiddleware", "TraceScope", "next_span"]

FindTrace: TypeAlias = Callable[[], TraceContext | None]
"""Reads the trace context of a request or an event when it is asked for, which for most it never is."""

_current: Final[ContextVar[FindTrace | None]] = ContextVar("outboard_trace", default=None)


def next_span(randbytes: Callable[[int], bytes]) -> TraceContext:
    """A new span in the trace that this task is in, or the first one of a new trace.

    `randbytes(n)` gives n random bytes.
    """
    find = _current.get()
    current = find() if find is not None else None
    return current.child(randbytes) if current else TraceContext.new(randbytes)


class TraceScope:
    """Lets what runs inside continue the trace that `find` finds, or begin one where it finds none.

    Not a generator, which would take four times as long, for every event.
    """

    __slots__ = ("_find", "_token")

    def __init__(self, find: FindTrace) -> None:
        self._find = find

    def __enter__(self) -> None:
        self._token: Token[FindTrace | None] = _current.set(self._find)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


class TraceContextMiddleware:
    """ASGI middleware: a request's `traceparent` becomes the context of what is published while it runs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        with TraceScope(partial(_of_request, scope)):
            await self.app(scope, receive, send)


def _of_request(scope: Scope) -> TraceContext | None:
    headers = Headers(scope=scope)
    return TraceContext.parse(headers.get("traceparent"), headers.get("tracestate"))
