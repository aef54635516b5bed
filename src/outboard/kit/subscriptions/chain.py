"""The seam around a handler: each of its runs goes through the middlewares, and comes back through them.

    delivery → middlewares, the first one outermost → the handler → middlewares → outcome, settled

A run of one event passes them, and so does a run of a batch, with dependencies or called directly. A
middleware may let the handler run, or answer in its place; it raises nothing, for an error is a part of what
it returns. The chain is put together once, where a handler is declared: an event costs a call for each of its
links.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import HandlerCall, run_handler
from outboard.kit.subscriptions.result import HandlerRun

__all__ = ["CallHandler", "Middleware", "chained"]


CallHandler: TypeAlias = Callable[[HandlerCall], Awaitable[HandlerRun]]
Middleware: TypeAlias = Callable[[CallHandler, Declaration], CallHandler]
"""Makes one link of a chain: it is given the next link and the declaration of the handler at the end."""


def chained(middlewares: Sequence[Middleware], declaration: Declaration) -> CallHandler:
    """The whole way to a handler. Without middlewares this is `run_handler` itself, and costs nothing."""
    call: CallHandler = run_handler
    for middleware in reversed(middlewares):
        call = middleware(call, declaration)
    return call
