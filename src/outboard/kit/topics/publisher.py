"""Sends one event, whole, within its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from outboard.clock import Clock
from outboard.errors import EventTooLarge
from outboard.kit.client.port import Publication
from outboard.kit.connections import Connections
from outboard.kit.topics.envelope import completed, trace_headers
from outboard.kit.tracing import next_span
from outboard.wire.events import Event, EventCodec

__all__ = ["EventPublisher"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EventPublisher:
    """What every topic of a board publishes through. `timeout` is in seconds, `max_event_bytes` in bytes."""

    connections: Connections
    app_id: str
    timeout: float
    max_event_bytes: int
    clock: Clock

    async def send(
        self,
        event: Event[T],
        codec: EventCodec[T],
        pubsub: str,
        topic: str,
        metadata: Mapping[str, str],
        timeout: float | None,
    ) -> Event[T]:
        """Return `event` as it was sent, once the broker has it."""
        sidecar = self.connections.current(f"publishing to topic '{topic}'")
        whole = completed(event, source=self.app_id, now=self.clock.now(), trace=next_span())
        body = codec.encode(whole)
        if len(body) > self.max_event_bytes:
            raise EventTooLarge(pubsub, topic, len(body), self.max_event_bytes)
        publication = Publication(pubsub, topic, body, metadata, trace_headers(whole))
        await sidecar.publish(publication, self.timeout if timeout is None else timeout)
        return whole
