"""Makes an event whole, and has it sent within its time."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from outboard.clock import Clock
from outboard.errors import EventTooLarge
from outboard.kit.client.port import Publication
from outboard.kit.topics.connections import Connections
from outboard.kit.topics.envelope import completed, new_event, trace_fields
from outboard.kit.tracing import next_span
from outboard.wire.cloudevents import AttributeValue
from outboard.wire.dapr import PARTITION_KEY
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

    def new_event(
        self,
        data: T,
        *,
        id: str,
        type: str,
        subject: str | None,
        extensions: Mapping[str, AttributeValue] | None,
        metadata: Mapping[str, str],
    ) -> Event[T]:
        """A whole event from this app, now. Raises InvalidCloudEvent."""
        return new_event(
            data,
            id=id,
            source=self.app_id,
            type=type,
            subject=subject,
            extensions=extensions,
            now=self.clock.now(),
            trace=next_span(),
            key=metadata.get(PARTITION_KEY),
        )

    def completed(self, event: Event[T], metadata: Mapping[str, str]) -> Event[T]:
        """`event` with what it lacks to be a whole one."""
        key = metadata.get(PARTITION_KEY)
        return completed(event, source=self.app_id, now=self.clock.now(), trace=next_span(), key=key)

    def send(
        self,
        event: Event[T],
        codec: EventCodec[T],
        pubsub: str,
        topic: str,
        metadata: Mapping[str, str],
        timeout: float | None,
    ) -> Awaitable[None]:
        """What returns once the broker has `event`, a whole one."""
        connection = self.connections.current(f"publishing to topic '{topic}'")

        def write() -> Publication:
            return self.written(event, codec, pubsub, topic, metadata)

        return connection.publish(pubsub, topic, write, self.timeout if timeout is None else timeout)

    def written(
        self, event: Event[T], codec: EventCodec[T], pubsub: str, topic: str, metadata: Mapping[str, str]
    ) -> Publication:
        """`event`, a whole one, in its final form.

        Raises EventTooLarge, InvalidCloudEvent, InvalidEventData.
        """
        body = codec.encode(event)
        if len(body) > self.max_event_bytes:
            raise EventTooLarge(pubsub, topic, len(body), self.max_event_bytes)
        return Publication(pubsub, topic, body, metadata, *trace_fields(event))

    def relay(self, publication: Publication, timeout: float) -> Awaitable[None]:
        """What returns once the broker has an event that was written before."""
        pubsub, topic = publication.pubsub, publication.topic
        connection = self.connections.current(f"publishing to topic '{topic}'")
        return connection.publish(pubsub, topic, lambda: publication, timeout)
