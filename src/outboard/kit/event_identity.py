"""The ids by which the record of hops knows an event. Pure."""

from __future__ import annotations

from typing import Any

from outboard.hops.record import EventIdentity
from outboard.wire.cloudevents import PARTITION_KEY_ATTRIBUTE
from outboard.wire.deadletters import DeadLetterAttributes
from outboard.wire.events import Event

__all__ = ["identity_of", "is_replayed"]


def identity_of(event: Event[Any], key: str = "") -> EventIdentity:
    """Those of `event`; `key` is that of its delivery, where it says none itself."""
    get = event.__pydantic_extra__.get
    return EventIdentity(
        event.id,
        event.source,
        str(get(PARTITION_KEY_ATTRIBUTE) or key),
        str(get("traceparent") or ""),
        str(get("correlationid") or ""),
        str(get("causationid") or ""),
    )


def is_replayed(event: Event[Any], topic: str) -> bool:
    """Whether `event` is a dead letter on its way back to the topic that it came from."""
    found = DeadLetterAttributes.read(event.__pydantic_extra__)
    return found is not None and found.topic == topic
