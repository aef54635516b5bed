"""Publishing one event: how it is asked."""

from __future__ import annotations

from conformance.question import (
    Ask,
    Question,
    ask,
    subscribed,
)

__all__ = ["CLOUD_EVENT", "JSON", "PUBLISH", "TRACE", "publishes", "refused"]

CLOUD_EVENT = "application/cloudevents+json"


JSON = "application/json"


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


PUBLISH = "/v1.0/publish"


def publishes(
    name: str,
    rows: tuple[str, ...],
    body: object = b"",
    query: str = "",
    deliveries: int = 1,
    **headers: str,
) -> Question:
    """Publish to a topic that is named as the question, and see what the app gets."""
    request = ask("POST", f"{PUBLISH}/ps/{name}{query}", body, **headers)
    return Question(name, rows, (request,), (subscribed(name),), deliveries=deliveries)


def refused(name: str, rows: tuple[str, ...], *asks: Ask) -> Question:
    """Requests of which nothing reaches an app."""
    return Question(name, rows, asks)
