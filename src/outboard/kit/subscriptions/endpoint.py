"""A handler as FastAPI endpoint, and the scope through which it gets its event."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from outboard.kit.subscriptions.declaration import Handler
from outboard.kit.subscriptions.signature import Takes, endpoint_signature
from outboard.wire.events import Event

__all__ = ["AsyncHandler", "Delivery", "HandlerEndpoint", "current_event", "delivery_scope", "endpoint_of"]

AsyncHandler: TypeAlias = Callable[..., Awaitable[object]]

DELIVERY: Final = "outboard.delivery"


@dataclass(slots=True)
class Delivery:
    """What is given to a handler, an event or a batch; the endpoint notes here that it came to its end.

    Where the handler has run already, `ended` returns or raises what it did.
    """

    given: object
    ended: Callable[[], object] | None = None
    returned: bool = False
    result: object = None


@dataclass(frozen=True, slots=True)
class HandlerEndpoint:
    """A handler as FastAPI calls it, and as it is called directly. If `is_bare`, it takes the event alone."""

    endpoint: Callable[..., Awaitable[Response]]
    call: AsyncHandler
    is_bare: bool


def delivery_scope(scope: Scope, delivery: Delivery) -> Scope:
    """A scope for one event: what its handler and dependencies leave there stays with that event."""
    return {**scope, "state": dict(scope.get("state", {})), DELIVERY: delivery}


async def current_event(connection: HTTPConnection) -> Event[object]:
    """For `Depends(current_event)`: the event that is being handled, in a dependency of its handler.

    Write `event: Annotated[Event[YourModel], Depends(current_event)]`. Raises RuntimeError elsewhere, also
    for a handler of batches.
    """
    delivery: Delivery | None = connection.scope.get(DELIVERY)
    if delivery is None:
        raise RuntimeError("current_event was asked for outside of an event handler: there is no event")
    if isinstance(delivery.given, Event):
        return delivery.given
    raise RuntimeError("current_event was asked for by a handler of batches: there is no single event")


def endpoint_of(handler: Handler, place: str, takes: Takes) -> HandlerEndpoint:
    """The endpoint that FastAPI calls: it takes the event from the scope and gives it to `handler`.

    A handler that is not a coroutine function runs in a thread, as FastAPI's own endpoints do.
    Raises HandlerUnsuitable.
    """
    view = endpoint_signature(handler, place, takes)
    call = cast("AsyncHandler", handler) if _is_async(handler) else _in_thread(handler)

    async def endpoint(**arguments: Any) -> Response:
        connection: HTTPConnection = arguments[view.connection]
        if view.is_own:
            del arguments[view.connection]
        delivery: Delivery = connection.scope[DELIVERY]
        result = delivery.ended() if delivery.ended else await call(delivery.given, **arguments)
        delivery.result = result
        delivery.returned = True
        return result if isinstance(result, Response) else _Ended()

    endpoint.__signature__ = view.signature  # type: ignore[attr-defined]
    endpoint.__name__ = getattr(handler, "__name__", type(handler).__name__)
    return HandlerEndpoint(endpoint, call, is_bare=len(view.signature.parameters) == 1 and view.is_own)


class _Ended(Response):
    """The answer within, which nobody reads: what counts is that it comes, and what is to run behind it."""

    def __init__(self) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.body = b""
        self.raw_headers = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self.background is not None:
            await self.background()


def _is_async(handler: Handler) -> bool:
    function = inspect.unwrap(handler)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - whether it is called is not the question
    )


def _in_thread(handler: Handler) -> AsyncHandler:
    async def call(given: object, **arguments: Any) -> object:
        result = await run_in_threadpool(handler, given, **arguments)
        return await result if inspect.isawaitable(result) else result

    return call
