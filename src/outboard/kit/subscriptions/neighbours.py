"""The other routes of an app: which of them takes a request that is a handler's, or is hidden by one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeAlias

from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import Scope

from outboard.errors import HandlerUnsuitable
from outboard.kit.subscriptions.declaration import Declaration, place_of
from outboard.kit.subscriptions.routes import declaration_of, effective_routes, every_route

__all__ = ["add_in_front", "leave_to_the_app", "place_of_route", "refuse_hidden"]

log: Final = logging.getLogger("outboard.subscriptions")

Route: TypeAlias = Any
"""A route as FastAPI tells of it, prefixes of routers included; not always a `BaseRoute`."""

HIDDEN_ADVICE: Final = "Include its router before that one, or give it a path that no other route matches"
HIDING_ADVICE: Final = "Remove that route, or give one of the two another path"


def refuse_hidden(app: FastAPI, declaration: Declaration, path: str) -> None:
    """Refuse a handler at `path` whose events another route takes, or that takes another route's requests.

    What a path parameter or a catch-all leaves to the handler is no conflict. Raises HandlerUnsuitable.
    """
    if not any(effective_routes(app, declaration)):
        return  # it lives in an app that is mounted in this one
    taking = _taking(app, "POST", path)
    if taking is not None and declaration_of(taking) is not declaration:
        problem = f"never gets an event: {place_of_route(taking)} takes what is posted to {path!r} before it"
        raise HandlerUnsuitable(declaration.place, problem, HIDDEN_ADVICE)
    for route in _exact_routes(app, "POST", path):
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
        others = _exact_routes(app, "GET", str(getattr(route, "path", "")))
        if other := next((each for each in others if getattr(each, "endpoint", None) is not endpoint), None):
            app.router.routes.remove(route)
            log.info("the board's health endpoint is left out, for the app has %s", place_of_route(other))


def _exact_routes(app: FastAPI, method: str, path: str) -> Iterator[Route]:
    """The routes that take such a request, and are declared with this path, not with a pattern."""
    for route in every_route(app.routes):
        if getattr(route, "path", None) == path and _takes(route, _scope(app, method, path)):
            yield route


def place_of_route(route: Route) -> str:
    """Where a route of the app comes from, for a person."""
    declared = declaration_of(route)
    if declared is not None:
        return declared.place
    if isinstance(route, Mount) or not callable(getattr(route, "endpoint", None)):
        return f"what is mounted at {getattr(route, 'path', '') or '/'!r}"
    return f"{place_of(route.endpoint)} with the path {route.path!r}"


def _taking(app: FastAPI, method: str, path: str) -> Route | None:
    """The first route that takes such a request; None where that cannot be told."""
    for route in every_route(app.routes):
        if _takes(route, _scope(app, method, path)):
            return route if hasattr(route, "path") else None  # a router, in FastAPI 0.137
    return None


def _takes(route: Route, scope: Scope) -> bool:
    return bool(route.matches(scope)[0] is Match.FULL)


def _scope(app: FastAPI, method: str, path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": {},
        "app": app,
    }
