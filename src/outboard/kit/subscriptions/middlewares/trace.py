"""What a handler publishes belongs to the trace of its event."""

from __future__ import annotations

from outboard.kit.subscriptions.chain import CallHandler
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import HandlerCall
from outboard.kit.subscriptions.result import HandlerRun
from outboard.kit.tracing import TraceScope

__all__ = ["continue_trace"]


def continue_trace(call_next: CallHandler, _: Declaration) -> CallHandler:
    """A `Middleware`. The events of a batch have no common trace: their run stays in that of the request."""

    async def within_trace(call: HandlerCall) -> HandlerRun:
        if len(call.received) > 1:
            return await call_next(call)
        with TraceScope(call.received[0].trace):
            return await call_next(call)

    return within_trace
