"""What the outbox makes of a transaction, and of its own messages. Pure.

Each upsert gets a marker, written in the same transaction, and an event of which the marker's key is the id.
The event first goes to an internal topic; once its marker is there the transaction was done.
Source: Dapr, "How-To: Enable the transactional outbox pattern"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outboard.gojson import encoding
from outboard.gojson.gotext import printed
from outboard.gojson.rawjson import quote
from outboard.gojson.values import Json
from outboard.sidecar.components.metadata.properties import is_truthy
from outboard.sidecar.components.port import Delete, Set
from outboard.sidecar.events.envelope import EventToWrap, encode_fields, envelope_fields
from outboard.sidecar.state.settings import OutboxSettings

__all__ = ["Plan", "Traced", "Write", "internal_topic", "plan", "relayed"]

PROJECTION: Final = "outbox.projection"
CONTENT_TYPE: Final = "contentType"
MARKER: Final = "0"
JSON: Final = "application/json"
OWN: Final = frozenset({"data", "id"})


@dataclass(frozen=True, slots=True)
class Traced:
    """The trace context of a request; empty where it has none."""

    traceparent: str = ""
    tracestate: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """An operation, and the content type that its request names beside its metadata."""

    operation: Set | Delete
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The events to publish first, and the operations to do then."""

    events: Sequence[bytes]
    operations: Sequence[Set | Delete]


def internal_topic(namespace: str, app_id: str, settings: OutboxSettings) -> str:
    """Where events wait for their transaction."""
    return f"{namespace}{app_id}{settings.publish_topic}outbox"


def plan(
    writes: Iterable[Write], settings: OutboxSettings, source: str, trace: Traced, now: datetime,
    new_id: Callable[[], str],
) -> Plan:  # fmt: skip
    """One event for each upsert. An upsert that is a projection is not done: its value is what is told.

    Raises ValueError for a value that cannot be told as JSON.
    """
    listed = list(writes)
    projections = {write.operation.key: write for write in listed if _is_projection(write.operation)}
    kept = [write for write in listed if not _is_projection(write.operation)]
    events, markers = [], []
    for write in kept:
        if isinstance(write.operation, Set):
            marker = f"outbox-{new_id()}"
            told = projections.get(write.operation.key, write)
            about = EventToWrap(source, settings.pubsub, "", _data(told), _content_type(told),
                                tracestate=trace.tracestate)  # fmt: skip
            events.append(_event(about, marker, trace, write.operation.metadata, now))
            markers.append(Set(marker, MARKER))
    return Plan(events, [*(write.operation for write in kept), *markers])


def relayed(event: Mapping[str, Json], settings: OutboxSettings) -> bytes:
    """The event, from the internal topic, as it goes to the app's topic. Raises ValueError."""
    public = {**event, "topic": settings.publish_topic, "pubsubname": settings.publish_pubsub}
    return encoding.encode(public)


def _is_projection(operation: Set | Delete) -> bool:
    return isinstance(operation, Set) and is_truthy(operation.metadata.get(PROJECTION, ""))


def _content_type(write: Write) -> str:
    return write.content_type or write.operation.metadata.get(CONTENT_TYPE, "")


def _data(write: Write) -> bytes:
    value = write.operation.value if isinstance(write.operation, Set) else None
    if isinstance(value, bytes):
        return value
    if _content_type(write).lower() == JSON:
        return encoding.encode(value)
    return printed(value).encode("utf-8", "replace")


def _event(
    about: EventToWrap, marker: str, trace: Traced, metadata: Mapping[str, str], now: datetime
) -> bytes:
    """The envelope; each metadata item of the operation becomes one of its attributes, as it is."""
    fields = envelope_fields(about, now, lambda: marker)
    fields["traceid"] = quote(trace.traceparent)
    fields |= {name: quote(value) for name, value in metadata.items() if name not in OWN}
    return encode_fields(fields)
