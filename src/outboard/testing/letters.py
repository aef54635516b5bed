"""Dead letters as the kit publishes them, of events that a test does not let be handled."""

from __future__ import annotations

from datetime import datetime

from fastapi import FastAPI

from outboard.kit.client import api
from outboard.kit.client.port import Publication
from outboard.kit.subscriptions.dead_letter import dead_letter, read_envelope
from outboard.kit.subscriptions.declaration import DeadLetterPolicy, Declaration
from outboard.kit.subscriptions.routes import declaration_of, every_route
from outboard.testing.delivered import Delivered
from outboard.testing.traffic import Passing
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.deadletters import origin
from outboard.wire.http import Request

__all__ = ["handler_at", "letter_requests"]


def handler_at(app: object, target: str) -> Declaration | None:
    """The handler of the kit that takes what is posted to `target`."""
    path = target.partition("?")[0]
    routes = every_route(app.routes) if isinstance(app, FastAPI) else ()
    return next((found for route in routes if route.path == path and (found := declaration_of(route))), None)


def letter_requests(
    passing: Passing, delivered: Delivered, reason: str, now: datetime
) -> list[Request] | None:
    """What publishes the dead letter of each event; None where its handler has no topic for them."""
    handler, route = handler_at(passing.app, passing.request.target), passing.request.target
    if handler is None or not isinstance(handler.poison, DeadLetterPolicy):
        return None
    place = origin(passing.app_id, handler.pubsub, handler.topic, route)
    requests = []
    for event in delivered.events:
        envelope = read_envelope(event, {})
        body = dead_letter(envelope, reason=reason, origin=place, attempts=1, now=now)
        metadata = {PARTITION_KEY: envelope.key} if envelope.key else {}
        letter = Publication(handler.pubsub, handler.poison.topic, body, metadata, envelope.trace_headers)
        requests.append(api.publish(letter))
    return requests
