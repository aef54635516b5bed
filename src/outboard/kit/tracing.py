"""Carries W3C trace context from a request, or from an event, to what is published because of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from outboard.wire.tracing import TraceContext

__all__ = ["TraceContextMiddleware", "next_span", "within"]

_current: Final[ContextVar[TraceContext | None]] = ContextVar("outboard_trace", default=None)


def next_span() -> TraceContext:
    """A new span in the trace that this task is in, or the first one of a new trace."""
    current = _current.get()
    return current.child(secrets.token_bytes) if current else TraceContext.new(secrets.token_bytes)


@contextmanager
def within(trace: TraceContext | None) -> Iterator[None]:
    """Let what runs inside continue `trace`; None changes nothing."""
    if trace is None:
        yield
        return
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


class TraceContextMiddleware:
    """ASGI middleware: a request's `traceparent` becomes the context of what is published while it runs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = TraceContext.parse(headers.get("traceparent"), headers.get("tracestate"))
        with within(trace):
            await self.app(scope, receive, send)
