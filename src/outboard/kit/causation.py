"""Carries to what is published why it is: the trace, the conversation and the event that it comes of.

A request or an event is a `Cause` while it is handled. It stands in a context variable, which asyncio and the
threads of `anyio` copy, so that background tasks and `def` handlers have it too. It is asked when something
is published, which for most causes never happens.

Source: CloudEvents, "Correlation" and "Distributed Tracing"; W3C Trace Context, level 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from threading import Lock
from typing import Final, Protocol, TypeAlias

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from outboard.wire.cloudevents import CAUSATION_ID, CORRELATION_ID, AttributeValue
from outboard.wire.tracing import TraceContext

__all__ = ["Cause", "CauseScope", "RequestCauseMiddleware", "current_trace", "inherited"]

RandomBytes: TypeAlias = Callable[[int], bytes]
"""Gives so many random bytes."""

CORRELATION_HEADERS: Final = ("ce-correlationid", "x-correlation-id")
"""Of a CloudEvent in binary mode, and the one that gateways and clients send."""
LONGEST: Final = 1_024
"""So many characters an id may have that is handed on: a stranger's must not keep our event from leaving."""
NOTHING: Final[Mapping[str, AttributeValue]] = {}


class Cause(Protocol):
    """What is handled: a request, or an event."""

    def trace(self) -> TraceContext | None:
        """The trace that it belongs to."""
        ...

    def correlation_id(self) -> str:
        """The conversation that it belongs to; empty where that is the one of its trace."""
        ...

    def causation_id(self) -> str:
        """The id of the event; empty for a request."""
        ...


_current: Final[ContextVar[Cause | None]] = ContextVar("outboard_cause", default=None)
_making: Final = Lock()


def current_trace() -> TraceContext | None:
    """The trace of what is handled."""
    cause = _current.get()
    return None if cause is None else cause.trace()


def inherited(
    randbytes: RandomBytes,
    given: Mapping[str, AttributeValue | None] = NOTHING,
    at: TraceContext | None = None,
) -> dict[str, str]:
    """The attributes that a new event has of its cause. Those that it is `given` are not among them.

    Its place in the trace is `at`, where there is a span for it.

    Without a cause, it begins a trace and a conversation. The id of a conversation that began here is that of
    its trace, so that whoever hands on the trace alone, over HTTP too, hands on both.
    """
    cause = _current.get()
    found = None if cause is None else cause.trace()
    if traceparent := given.get("traceparent"):
        attributes: dict[str, str] = {}
        trace = found or TraceContext.parse(traceparent) or TraceContext.new(randbytes)
    else:
        trace = at or (found.child(randbytes) if found else TraceContext.new(randbytes))
        attributes = trace.attributes
    if CORRELATION_ID not in given:
        said = "" if cause is None else _handed_on(cause.correlation_id())
        attributes[CORRELATION_ID] = said or trace.trace_id
    if cause and CAUSATION_ID not in given and (causation_id := _handed_on(cause.causation_id())):
        attributes[CAUSATION_ID] = causation_id
    return attributes


def _handed_on(id: str) -> str:
    return id if len(id) <= LONGEST and id.isprintable() else ""


class CauseScope:
    """Makes `cause` the cause of what is published inside.

    Not a generator, which would take four times as long, for every event.
    """

    __slots__ = ("_cause", "_token")

    def __init__(self, cause: Cause) -> None:
        self._cause = cause

    def __enter__(self) -> None:
        self._token: Token[Cause | None] = _current.set(self._cause)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


class _RequestCause:
    """A request, by its headers. Its trace is one, also where it brings none: a request is a conversation.

    A websocket is many: without `randbytes` it has no trace but the one that it brings.
    """

    __slots__ = ("_headers", "_randbytes", "_trace")

    def __init__(self, headers: list[tuple[bytes, bytes]], randbytes: RandomBytes | None) -> None:
        self._headers = headers
        self._randbytes = randbytes
        self._trace: TraceContext | None = None

    def trace(self) -> TraceContext | None:
        """As `Cause`."""
        return self._trace or self._found()

    def correlation_id(self) -> str:
        """As `Cause`."""
        headers = Headers(raw=self._headers)
        said = (headers.get(name, "").strip() for name in CORRELATION_HEADERS)
        return next((text for text in said if text and text.isascii()), "")

    def causation_id(self) -> str:
        """As `Cause`."""
        return ""

    def _found(self) -> TraceContext | None:
        headers = Headers(raw=self._headers)
        found = TraceContext.parse(headers.get("traceparent"), headers.get("tracestate"))
        if found is None and self._randbytes is not None:
            found = TraceContext.new(self._randbytes)
        with _making:  # threads of one request may publish at once
            if self._trace is None:
                self._trace = found
            return self._trace


class RequestCauseMiddleware:
    """ASGI middleware: a request is the cause of what is published while it runs."""

    def __init__(self, app: ASGIApp, randbytes: RandomBytes) -> None:
        self.app = app
        self.randbytes = randbytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        with CauseScope(_RequestCause(scope["headers"], self.randbytes if scope["type"] == "http" else None)):
            await self.app(scope, receive, send)
