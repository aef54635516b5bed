"""The routes of an app, looked at once: by handler, and by the request that they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.routing import Match, NoMatchFound
from starlette.types import Scope

from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.routes import EffectiveRoute, declaration_of, every_route

__all__ = ["AppRoutes", "Route"]

Route: TypeAlias = Any
"""A route as FastAPI tells of it, prefixes of routers included; not always a `BaseRoute`."""


class AppRoutes:
    """Those that `app` has when this is made.

    An app with many handlers asks about each of them: no answer goes through all the others.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._of_handler: dict[int, list[EffectiveRoute]] = {}
        self._at: dict[str, list[tuple[int, Route]]] = {}
        self._anywhere: list[tuple[int, Route]] = []
        """With their places those that may take other paths than the one that they are declared with."""
        for place, route in enumerate(every_route(app.routes)):
            declaration, path = declaration_of(route), getattr(route, "path", None)
            if declaration is not None:
                self._of_handler.setdefault(id(declaration), []).append(route)
            if isinstance(path, str):
                self._at.setdefault(path, []).append((place, route))
            if declaration is None or not isinstance(path, str) or "{" in path:
                self._anywhere.append((place, route))

    def of(self, declaration: Declaration) -> Sequence[EffectiveRoute]:
        """The routes of this handler, one for each way that leads to it."""
        return self._of_handler.get(id(declaration), ())

    def path_of(self, declaration: Declaration, name: str) -> str | None:
        """The path of the handler, prefixes of routers included; None where it has none.

        `name` is that of its route, by which it is found in an app that is mounted in this one.
        """
        for route in self.of(declaration):
            return route.path
        try:
            return str(self._app.url_path_for(name))
        except NoMatchFound:
            return None

    def exact(self, method: str, path: str) -> Iterator[Route]:
        """The routes that take such a request, and are declared with this path, not with a pattern."""
        scope = _scope(self._app, method, path)
        return (route for _, route in self._at.get(path, ()) if _takes(route, scope))

    def taking(self, method: str, path: str) -> Route | None:
        """The first route that takes such a request; None where that cannot be told."""
        candidates = dict((*self._anywhere, *self._at.get(path, ())))
        scope = _scope(self._app, method, path)
        for place in sorted(candidates):
            if _takes(route := candidates[place], scope):
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
