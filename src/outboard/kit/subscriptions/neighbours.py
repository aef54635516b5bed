"""The other routes of an app: which of them takes a request that is a handler's, or is hidden by one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI
from starlette.routing import Mount

from outboard.errors import HandlerUnsuitable
from outboard.kit.subscriptions.app_routes import AppRoutes, Route
from outboard.kit.subscriptions.declaration import Declaration, place_of
from outboard.kit.subscriptions.routes import declaration_of

__all__ = ["add_in_front", "leave_to_the_app", "place_of_route", "refuse_hidden"]

log: Final = logging.getLogger("outboard.subscriptions")

HIDDEN_ADVICE: Final = "Include its router before that one, or give it a path that no other route matches"
HIDING_ADVICE: Final = "Remove that route, or give one of the two another path"


def refuse_hidden(routes: AppRoutes, declaration: Declaration, path: str) -> None:
    """Refuse a handler at `path` whose events another route takes, or that takes another route's requests.

    What a path parameter or a catch-all leaves to the handler is no conflict. Raises HandlerUnsuitable.
    """
    if not routes.of(declaration):
        return  # it lives in an app that is mounted in this one
    taking = routes.taking("POST", path)
    if taking is not None and declaration_of(taking) is not declaration:
        problem = f"never gets an event: {place_of_route(taking)} takes what is posted to {path!r} before it"
        raise HandlerUnsuitable(declaration.place, problem, HIDDEN_ADVICE)
    for route in routes.exact("POST", path):
        if declaration_of(route) is None:
            problem = f"has the path {path!r}, so that {place_of_route(route)} would never be called"
            raise HandlerUnsuitable(declaration.place, problem, HIDING_ADVICE)


def add_in_front(app: FastAPI, path: str, endpoint: Callable[..., Awaitable[object]]) -> None:
    """Serve GET at `path`, foremost: a catch-all that is declared before does not hide it."""
    app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())


def leave_to_the_app(app: FastAPI, endpoint: object) -> None:
    """Take away the route of `endpoint` where the app has one of its own for that path."""
    for route in [each for each in app.router.routes if getattr(each, "endpoint", None) is endpoint]:
        others = AppRoutes(app).exact("GET", str(getattr(route, "path", "")))
        if other := next((each for each in others if getattr(each, "endpoint", None) is not endpoint), None):
            app.router.routes.remove(route)
            log.info("the board's health endpoint is left out, for the app has %s", place_of_route(other))


def place_of_route(route: Route) -> str:
    """Where a route of the app comes from, for a person."""
    declared = declaration_of(route)
    if declared is not None:
        return declared.place
    if isinstance(route, Mount) or not callable(getattr(route, "endpoint", None)):
        return f"what is mounted at {getattr(route, 'path', '') or '/'!r}"
    return f"{place_of(route.endpoint)} with the path {route.path!r}"
