"""One answer of `/dapr/subscribe` for an app in which others serve it too.

A sidecar asks once, and the first route of that path answers. So the board's own, which is the first, calls
the others in the app (one written by hand, that of Dapr's extension for FastAPI, another board's), and tells
of their subscriptions behind its own. Of two for one topic a sidecar would keep the last: refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Message, Scope

from outboard.errors import DuplicateSubscription, HandlerUnsuitable
from outboard.gojson.values import Json
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.neighbours import place_of_route
from outboard.kit.subscriptions.routes import every_route
from outboard.wire.dapr import SUBSCRIBE_PATH

__all__ = ["OtherAnswer", "other_answers", "refuse_doubles"]

ASKED_BY_A_BOARD: Final = "outboard.subscriptions.asked"
OK: Final = 200
NONE: Final = 404
"""The status by which an app says that it has no subscriptions. Source: daprd 1.18."""
ADVICE: Final = "The sidecar is told of no subscription meanwhile: let it answer a list, or remove it"


@dataclass(frozen=True, slots=True)
class OtherAnswer:
    """What another route of the app answers, and where it comes from."""

    place: str
    items: Sequence[Json]


async def other_answers(request: Request, endpoint: object) -> list[OtherAnswer]:
    """What the routes of `/dapr/subscribe` answer whose endpoint is not `endpoint`.

    Raises HandlerUnsuitable for one that answers no list, and what the route itself raises.
    """
    if request.scope.get(ASKED_BY_A_BOARD):
        return []
    return [
        OtherAnswer(place, await _asked(route, place, request))
        for route in request.app.routes
        if (place := _place(route, endpoint)) is not None
    ]


def refuse_doubles(own: Iterable[Declaration], others: Iterable[OtherAnswer]) -> None:
    """Raises DuplicateSubscription where a topic of a handler is among the others' too."""
    places = {(declared.pubsub, declared.topic): declared.place for declared in own}
    for other in others:
        for item in other.items:
            pubsub, topic = _topic_of(item)
            if first := places.get((pubsub, topic)):
                raise DuplicateSubscription(pubsub, topic, "told of twice", first, other.place)


def _topic_of(item: Json) -> tuple[str, str]:
    told = item if isinstance(item, dict) else {}
    return str(told.get("pubsubname")), str(told.get("topic"))


def _place(route: BaseRoute, endpoint: object) -> str | None:
    """Where the route comes from to which this one leads; None if that is no other `/dapr/subscribe`."""
    found = (each for each in _within(route) if getattr(each, "path", None) == SUBSCRIBE_PATH)
    other = next((each for each in found if getattr(each, "endpoint", None) != endpoint), None)
    return None if other is None else place_of_route(other)


def _within(route: BaseRoute) -> Iterator[Any]:
    """The routes of a router, or of an app that is mounted at the root; else the route itself."""
    for each in every_route([route]):
        mount = getattr(each, "original_route", each)
        if isinstance(mount, Mount) and not each.path:
            yield from every_route(mount.routes)
        else:
            yield each


async def _asked(route: BaseRoute, place: str, request: Request) -> Sequence[Json]:
    scope: Scope = {key: dict(value) if isinstance(value, dict) else value for key, value in request.items()}
    scope[ASKED_BY_A_BOARD] = True
    match, child = route.matches(scope)
    if match is not Match.FULL:
        return []  # it is there for another method
    scope.update(child)
    statuses: list[int] = []
    parts: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await route.handle(scope, receive, send)
    return _items(place, statuses[0] if statuses else 0, b"".join(parts))


def _items(place: str, status: int, body: bytes) -> Sequence[Json]:
    if status == NONE:
        return []
    if status != OK:
        raise HandlerUnsuitable(place, f"answers HTTP {status} for the subscriptions of the app", ADVICE)
    try:
        items = from_json(body)
    except ValueError:
        items = body
    if not isinstance(items, list | None):
        raise HandlerUnsuitable(place, "answers no list for the subscriptions of the app", ADVICE)
    return items or []
