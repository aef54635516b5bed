"""The declared handlers of a board, and what an app serves of them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Final

from fastapi import APIRouter, FastAPI, Request

from outboard.errors import HandlerUnsuitable, NotMounted, RouterNotIncluded
from outboard.gojson.values import Json
from outboard.kit.arguments import shown
from outboard.kit.subscriptions.app_routes import AppRoutes
from outboard.kit.subscriptions.batches import BatchHandling
from outboard.kit.subscriptions.canaries import Canaries
from outboard.kit.subscriptions.chain import Middleware, chained
from outboard.kit.subscriptions.declaration import BulkOptions, Declaration
from outboard.kit.subscriptions.deliveries import Deliveries, EventHandling
from outboard.kit.subscriptions.endpoint import endpoint_of
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.hops import HandlingHops
from outboard.kit.subscriptions.listing import ServedHandler, subscriptions
from outboard.kit.subscriptions.merging import other_answers, refuse_doubles
from outboard.kit.subscriptions.neighbours import refuse_hidden
from outboard.kit.subscriptions.outcomes import DeadLetterSettings, Settler
from outboard.kit.subscriptions.routes import (
    DirectCalls,
    DirectRoutes,
    refuse_unfit,
    subscription_route,
)
from outboard.kit.subscriptions.signature import ExpectedParameter, event_of, events_of
from outboard.kit.telemetry.messaging import Messaging
from outboard.wire.bulk import BulkCodec

__all__ = ["Registry"]

ROUTER_ADVICE: Final = (
    "It has to be an APIRouter; without one, the apps that the board is mounted on serve the handler"
)


class Registry:
    """Gives each declared handler its route, and knows which handlers an app serves."""

    def __init__(
        self,
        dead_letters: DeadLetterSettings,
        app_token: str,
        middlewares: Sequence[Middleware],
        telemetry: Messaging,
    ) -> None:
        self._dead_letters = dead_letters
        self._app_token = app_token
        self._middlewares = middlewares
        self._telemetry = telemetry
        self.canaries: Final = Canaries()
        self._declared: list[tuple[Declaration, str]] = []
        self._apps: weakref.WeakSet[FastAPI] = weakref.WeakSet()
        self._direct = DirectRoutes()
        self._watching: list[Callable[[Declaration], None]] = []

    def add(self, declaration: Declaration) -> None:
        """Declare a handler: on its router, or on every app, mounted before or after.

        Raises HandlerUnsuitable.
        """
        name = declaration.options.name or f"outboard-{len(self._declared)}-{declaration.topic}"
        router: object = declaration.options.router
        if not isinstance(router, APIRouter | None):
            raise HandlerUnsuitable(declaration.place, f"has router={shown(router)}", ROUTER_ADVICE)
        targets = (
            [declaration.options.router] if declaration.options.router else [app.router for app in self._apps]
        )
        if not targets:
            targets = [APIRouter()]  # nowhere to go yet; what is wrong with it is to be said here, though
        for target in targets:
            self._add_route(target, declaration, name)
        self._declared.append((declaration, name))
        for told in self._watching:
            told(declaration)

    def watch(self, told: Callable[[Declaration], None]) -> None:
        """Call `told` with each declaration: those that there are, and each that comes."""
        for declaration, _ in tuple(self._declared):
            told(declaration)
        self._watching.append(told)

    def is_mounted(self, app: FastAPI) -> bool:
        """Whether `app` serves the handlers that were declared without a router."""
        return app in self._apps

    def mount(self, app: FastAPI) -> None:
        """Let `app` serve the handlers that are declared without a router, before this or after."""
        self._apps.add(app)
        for declaration, name in self._declared:
            if declaration.options.router is None:
                self._add_route(app.router, declaration, name)

    def served(self, app: FastAPI) -> list[ServedHandler]:
        """The handlers that `app` serves, and their paths."""
        return self._served(AppRoutes(app))

    async def told(self, request: Request, endpoint: object, *, is_streaming: bool = False) -> list[Json]:
        """What the app of `request` answers at `/dapr/subscribe`, where the board's own is `endpoint`.

        Where it `is_streaming`, its own handlers are not among that. Raises DuplicateSubscription,
        HandlerUnsuitable.
        """
        served = [] if is_streaming else self.served(request.app)
        others = await other_answers(request, endpoint)
        refuse_doubles((item.declaration for item in served), others)
        return [
            *(item.to_json() for item in subscriptions(served)),
            *(item for other in others for item in other.items),
        ]

    def check(self, app: FastAPI) -> None:
        """Refuse what could not be served.

        Raises NotMounted, RouterNotIncluded, DuplicateSubscription, HandlerUnsuitable, UpcasterUnsuitable.
        """
        routes = AppRoutes(app)
        served = self._served(routes)
        if app not in self._apps and (served or not self._apps) and self._declared:
            raise NotMounted(self._declared[0][0].place)
        everywhere = [AppRoutes(mounted) for mounted in self._apps]
        for declaration, name in self._declared:
            if all(mounted.path_of(declaration, name) is None for mounted in everywhere):
                raise RouterNotIncluded(declaration.place)
        subscriptions(served)
        for item in served:
            if item.declaration.codec.versions is not None:
                item.declaration.codec.versions.check()
            for route in routes.of(item.declaration):
                refuse_unfit(route, item.declaration)
            refuse_hidden(routes, item.declaration, item.path)

    def _served(self, routes: AppRoutes) -> list[ServedHandler]:
        paths = ((declaration, routes.path_of(declaration, name)) for declaration, name in self._declared)
        return [ServedHandler(declaration, path) for declaration, path in paths if path is not None]

    def _add_route(self, target: APIRouter, declaration: Declaration, name: str) -> None:
        handler = endpoint_of(declaration.handler, declaration.place, _takes(declaration))
        target.add_api_route(
            declaration.options.path,
            handler.endpoint,
            methods=["POST"],
            name=name,
            response_model=None,
            include_in_schema=False,
            route_class_override=subscription_route(
                self._deliveries(declaration),
                handler,
                DirectCalls(declaration, self._direct, is_bare=handler.is_bare),
                self._app_token,
            ),
        )
        # Foremost: no catch-all takes its events, and no other route is looked at for each of them.
        target.routes.insert(0, target.routes.pop())

    def _deliveries(self, declaration: Declaration) -> Deliveries:
        settler = Settler(declaration, self._dead_letters)
        call = chained(self._middlewares, declaration)
        concurrency = (declaration.options.bulk or BulkOptions()).concurrency
        max_events = declaration.options.max_events
        handling: Handling = (
            EventHandling(settler, call, concurrency)
            if max_events is None
            else BatchHandling(settler, call, max_events, concurrency)
        )
        hops = HandlingHops(settler, self._dead_letters.journal)
        bulk = BulkCodec(declaration.codec)
        return Deliveries(declaration, bulk, handling, hops, self.canaries, self._telemetry)


def _takes(declaration: Declaration) -> ExpectedParameter:
    takes = event_of if declaration.options.max_events is None else events_of
    return takes(declaration.codec.model, is_matched=bool(declaration.options.match))
