"""The declared handlers of a board, and what an app serves of them."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

import fastapi.routing
from fastapi import APIRouter, FastAPI
from starlette.routing import NoMatchFound

from outboard.errors import HandlerUnsuitable, NotMounted, RouterNotIncluded
from outboard.kit.subscriptions.consumer import Consumer, DeadLetterOffice
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import endpoint_of
from outboard.kit.subscriptions.listing import Served, subscriptions
from outboard.kit.subscriptions.route import BODY_ADVICE, subscription_route
from outboard.wire.subscriptions import Subscription

__all__ = ["Registry"]


class Registry:
    """Gives each declared handler its route, and knows which handlers an app serves."""

    def __init__(self, office: DeadLetterOffice, app_token: str) -> None:
        self._office = office
        self._app_token = app_token
        self._declared: list[tuple[Declaration, str]] = []
        self._apps: weakref.WeakSet[FastAPI] = weakref.WeakSet()

    def add(self, declaration: Declaration) -> None:
        """Declare a handler: on its router, or on every app, mounted before or after.

        Raises HandlerUnsuitable.
        """
        name = declaration.options.name or f"outboard-{len(self._declared)}-{declaration.topic}"
        targets = (
            [declaration.options.router] if declaration.options.router else [app.router for app in self._apps]
        )
        if not targets:
            targets = [APIRouter()]  # nowhere to go yet; what is wrong with it is to be said here, though
        for target in targets:
            self._add_route(target, declaration, name)
        self._declared.append((declaration, name))

    def is_mounted(self, app: FastAPI) -> bool:
        """Whether `app` serves the handlers that were declared without a router."""
        return app in self._apps

    def mount(self, app: FastAPI) -> None:
        """Let `app` serve the handlers that are declared without a router, before this or after."""
        self._apps.add(app)
        for declaration, name in self._declared:
            if declaration.options.router is None:
                self._add_route(app.router, declaration, name)

    def subscriptions(self, app: FastAPI) -> list[Subscription]:
        """What `app` is subscribed to. Raises DuplicateSubscription, HandlerUnsuitable."""
        return subscriptions(self._served(app))

    def check(self, app: FastAPI) -> None:
        """Refuse what could not be served.

        Raises NotMounted, RouterNotIncluded, DuplicateSubscription, HandlerUnsuitable.
        """
        served = self._served(app)
        if app not in self._apps and (served or not self._apps) and self._declared:
            raise NotMounted(self._declared[0][0].place)
        for declaration, name in self._declared:
            if all(_path(mounted, name) is None for mounted in self._apps):
                raise RouterNotIncluded(declaration.place)
        subscriptions(served)
        _check_bodies(app, served)

    def _served(self, app: FastAPI) -> list[Served]:
        paths = ((declaration, _path(app, name), name) for declaration, name in self._declared)
        return [Served(declaration, path, name) for declaration, path, name in paths if path is not None]

    def _add_route(self, target: APIRouter, declaration: Declaration, name: str) -> None:
        consumer = Consumer(declaration, self._office)
        target.add_api_route(
            declaration.options.path,
            endpoint_of(declaration.handler, declaration.place),
            methods=["POST"],
            name=name,
            response_model=None,
            include_in_schema=False,
            route_class_override=subscription_route(consumer, self._app_token),
        )


def _path(app: FastAPI, name: str) -> str | None:
    try:
        return str(app.url_path_for(name))
    except NoMatchFound:
        return None


def _check_bodies(app: FastAPI, served: Iterable[Served]) -> None:
    """The dependencies of a router join its routes later, since FastAPI 0.137 unseen by the route.

    0.137 itself has no public way to see them; there, such an event is answered RETRY.
    """
    contexts = getattr(fastapi.routing, "iter_route_contexts", None)
    places = {item.route_name: item.declaration.place for item in served}
    for route in contexts(app.routes) if contexts else app.routes:
        place = places.get(getattr(route, "name", None) or "")
        if place is not None and getattr(route, "body_field", None) is not None:
            raise HandlerUnsuitable(
                place, "has a dependency, of its router, that reads the body", BODY_ADVICE
            )
