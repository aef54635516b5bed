"""A handler as FastAPI endpoint, and the scope through which it gets its event."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import Scope

from outboard.kit.subscriptions.declaration import Handler
from outboard.kit.subscriptions.signature import endpoint_signature
from outboard.wire.events import Event

__all__ = ["Delivery", "current_event", "delivery_scope", "endpoint_of"]

AsyncHandler: TypeAlias = Callable[..., Awaitable[object]]

DELIVERY: Final = "outboard.delivery"


@dataclass(slots=True)
class Delivery:
    """One event on its way through a handler; the endpoint notes here that it came to its end."""

    event: Event[Any]
    returned: bool = False
    result: object = None


def delivery_scope(scope: Scope, delivery: Delivery) -> Scope:
    """A scope for one event: what its handler and dependencies leave there stays with that event."""
    return {**scope, "state": dict(scope.get("state", {})), DELIVERY: delivery}


async def current_event(connection: HTTPConnection) -> Event[object]:
    """For `Depends(current_event)`: the event that is being handled, in a dependency of its handler.

    Write `event: Annotated[Event[YourModel], Depends(current_event)]`. Raises RuntimeError elsewhere.
    """
    delivery: Delivery | None = connection.scope.get(DELIVERY)
    if delivery is None:
        raise RuntimeError("current_event was asked for outside of an event handler: there is no event")
    return delivery.event


def endpoint_of(handler: Handler, place: str) -> Callable[..., Awaitable[Response]]:
    """The endpoint that FastAPI calls: it takes the event from the scope and gives it to `handler`.

    A handler that is not a coroutine function runs in a thread, as FastAPI's own endpoints do.
    Raises HandlerUnsuitable.
    """
    view = endpoint_signature(handler, place)
    call = cast("AsyncHandler", handler) if _is_async(handler) else _in_thread(handler)

    async def endpoint(**arguments: Any) -> Response:
        connection: HTTPConnection = arguments[view.connection]
        if view.is_own:
            del arguments[view.connection]
        delivery: Delivery = connection.scope[DELIVERY]
        result = await call(delivery.event, **arguments)
        delivery.result = result
        delivery.returned = True
        return result if isinstance(result, Response) else Response()

    endpoint.__signature__ = view.signature  # type: ignore[attr-defined]
    endpoint.__name__ = getattr(handler, "__name__", type(handler).__name__)
    return endpoint


def _is_async(handler: Handler) -> bool:
    function = inspect.unwrap(handler)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - whether it is called is not the question
    )


def _in_thread(handler: Handler) -> AsyncHandler:
    async def call(event: Event[Any], **arguments: Any) -> object:
        result = await run_in_threadpool(handler, event, **arguments)
        return await result if inspect.isawaitable(result) else result

    return call
