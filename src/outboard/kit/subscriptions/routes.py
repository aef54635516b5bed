"""The FastAPI routes of handlers: as they are made, and as an app has them, with what routers add.

A plain route would acknowledge too early: the exit of a dependency with `yield`, where a session commits,
may run after the answer was sent. So the route serves each event as a request within the request, whose
answer is kept back, and answers the sidecar when everything of it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import fastapi.routing
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from outboard.errors import HandlerUnsuitable
from outboard.kit.subscriptions.authentication import refusal_of_event
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.deliveries import Deliveries
from outboard.kit.subscriptions.endpoint import HandlerEndpoint, Runner, needs_one_event

__all__ = [
    "DirectCalls",
    "DirectRoutes",
    "EffectiveRoute",
    "declaration_of",
    "every_route",
    "refuse_unfit",
    "subscription_route",
]

BODY_ADVICE: Final = (
    "The body of the request is the event. In a dependency, take it with "
    "`event: Annotated[Event[YourModel], Depends(outboard.current_event)]`; anything else that looks like "
    "a body to FastAPI needs `Depends`, `Query` or `Header`"
)
BATCH_ADVICE: Final = "It takes a batch, in which there is no single event: let the handler itself do it"


class EffectiveRoute(Protocol):
    """What FastAPI tells of a route: `path` and `dependencies` with those of the routers around it."""

    @property
    def path(self) -> str: ...

    @property
    def dependencies(self) -> Sequence[object]: ...

    @property
    def body_field(self) -> object | None: ...

    @property
    def dependant(self) -> Any: ...


def every_route(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """The routes and those of included routers, in the order in which they are tried, prefixes included.

    Since FastAPI 0.137 the prefix and the dependencies of a router join its routes later, unseen by them.
    What is given has the attributes of a route. 0.137 itself has no public way to see those of a router:
    there it is among them as it is, and its routes are not.
    """
    contexts = getattr(fastapi.routing, "iter_route_contexts", None)
    return iter(contexts(routes) if contexts else routes)


def declaration_of(route: object) -> Declaration | None:
    """The declaration whose route it is; None for a route that is no handler's."""
    found: Declaration | None = getattr(getattr(route, "original_route", route), "declaration", None)
    return found


def refuse_unfit(route: EffectiveRoute, declaration: Declaration) -> None:
    """Refuse a route with parameters or dependencies that cannot be given. Raises HandlerUnsuitable."""
    if route.body_field is not None:
        name = getattr(route.body_field, "name", "")
        problem = f"has parameters, or a dependency of its router, that FastAPI reads from the body ({name})"
        raise HandlerUnsuitable(declaration.place, problem, BODY_ADVICE)
    if declaration.options.max_events is not None:
        for asked in _of_one_event(route.dependant):
            raise HandlerUnsuitable(declaration.place, f"has a dependency on {asked}", BATCH_ADVICE)


def _of_one_event(dependant: Any) -> Iterator[str]:
    """The names of the dependencies, at any depth, that handlers of batches cannot have."""
    for inner in dependant.dependencies:
        if needs_one_event(inner.call):
            yield inner.call.__qualname__
        yield from _of_one_event(inner)


class DirectRoutes:
    """The routes of handlers before which nothing has to run, such as the authorization of a router.

    What an app has is looked at once for all handlers, when the first event comes, and again for one that
    was not there yet.
    """

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[FastAPI, dict[int, bool]] = WeakKeyDictionary()

    def lead_to(self, declaration: Declaration, app: FastAPI) -> bool:
        """Whether `app` has routes of this handler, and all of them are such."""
        known = self._known.setdefault(app, {})
        if id(declaration) not in known:
            known.update(_without_dependencies(app))
            known.setdefault(id(declaration), False)
        return known[id(declaration)]


def _without_dependencies(app: FastAPI) -> dict[int, bool]:
    """Of each handler that has a route."""
    found: dict[int, bool] = {}
    for route in every_route(app.routes):
        declaration = declaration_of(route)
        if declaration is not None:
            found[id(declaration)] = found.get(id(declaration), True) and not route.dependencies
    return found


class DirectCalls:
    """Says in which apps a handler may be called without FastAPI.

    It has to take the event alone, and its `routes` have to be direct.
    """

    def __init__(self, declaration: Declaration, routes: DirectRoutes, *, is_bare: bool) -> None:
        self._declaration = declaration
        self._routes = routes
        self._is_bare = is_bare

    def allowed_in(self, app: FastAPI | None) -> bool:
        """Whether it may be called directly in `app`."""
        return self._is_bare and app is not None and self._routes.lead_to(self._declaration, app)


def subscription_route(
    deliveries: Deliveries, handler: HandlerEndpoint, direct: DirectCalls, app_token: str
) -> type[APIRoute]:
    """A class of routes that let `deliveries` take what is posted to them.

    One class for each handler, because including a router makes new routes of the class, in FastAPI < 0.137.
    """

    class SubscriptionRoute(APIRoute):
        declaration = deliveries.declaration

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            refuse_unfit(self, deliveries.declaration)

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "POST":
                await super().handle(scope, receive, send)
                return
            answer = refusal_of_event(scope, app_token)
            if answer is None:
                body = await _read_body(receive)
                if body is None:
                    return  # nobody is left to be answered; the sidecar delivers again
                is_direct = direct.allowed_in(scope.get("app"))
                runner = Runner(handler.call, scope, super().handle, body, is_direct)
                answer = await deliveries.answer(Headers(scope=scope), runner)
            await answer(scope, receive, send)

    return SubscriptionRoute


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body of a request; None where the client left."""
    message = await receive()
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    return None
