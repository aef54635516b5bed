"""What a handler publishes comes of its event, and belongs to the trace and the conversation of it."""

from __future__ import annotations

from outboard.kit.causation import CauseScope
from outboard.kit.subscriptions.chain import CallHandler
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import HandlerCall
from outboard.kit.subscriptions.result import HandlerRun

__all__ = ["name_cause"]


def name_cause(call_next: CallHandler, _: Declaration) -> CallHandler:
    """A `Middleware`. Of a batch no event is the cause: its run stays with the request that brought it."""

    async def with_cause(call: HandlerCall) -> HandlerRun:
        if len(call.received) > 1:
            return await call_next(call)
        with CauseScope(call.received[0]):
            return await call_next(call)

    return with_cause
