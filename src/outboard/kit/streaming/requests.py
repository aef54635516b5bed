"""From the handlers that an app serves to the streams that it opens. Pure.

Source: Dapr, "Subscribe to topics": a stream has neither rules nor bulk delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.errors import HandlerUnsuitable
from outboard.kit.client.port import StreamRequest
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.listing import ServedHandler, subscriptions

__all__ = ["StreamedHandler", "streams_of"]

RULE_ADVICE: Final = (
    "Dapr knows no rules for a stream, which brings all events of its topic: let one handler without `match` "
    "take them and decide by `event.type`, or let the events come by HTTP (without `streaming`)"
)
BULK_ADVICE: Final = (
    "Dapr delivers the events of a stream one by one: take them with `subscribe`, without `bulk`, or let "
    "them come by HTTP (without `streaming`)"
)


@dataclass(frozen=True, slots=True)
class StreamedHandler:
    """The path of a handler in its app, and the stream that brings its events."""

    request: StreamRequest
    path: str
    place: str


def streams_of(served: Sequence[ServedHandler]) -> list[StreamedHandler]:
    """One stream for each topic.

    Raises HandlerUnsuitable for a handler that no stream can serve, and what `subscriptions` does.
    """
    for item in served:
        _refuse_unfit(item.declaration)
    places = {item.path: item.declaration.place for item in served}
    return [
        StreamedHandler(
            StreamRequest(each.pubsub_name, each.topic, each.metadata, each.dead_letter_topic),
            each.rules[0].path,
            places[each.rules[0].path],
        )
        for each in subscriptions(served)
    ]


def _refuse_unfit(declaration: Declaration) -> None:
    options = declaration.options
    if options.match:
        problem = f"has match={options.match!r}, and its board takes events by streams"
        raise HandlerUnsuitable(declaration.place, problem, RULE_ADVICE)
    if options.bulk:
        taken = "is given events in batches" if options.max_events else "asks for bulk delivery"
        problem = f"{taken}, and its board takes events by streams"
        raise HandlerUnsuitable(declaration.place, problem, BULK_ADVICE)
