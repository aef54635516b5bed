"""Makes an event whole, writes it down, and has it sent within its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypedDict, TypeVar

from pydantic import TypeAdapter, ValidationError

from outboard.clock import Clock
from outboard.errors import EventTooLarge, InvalidCloudEvent, InvalidName
from outboard.kit.arguments import check_mapping, check_number, wrong
from outboard.kit.client.port import Publication
from outboard.kit.names import Key, check_text, key_text
from outboard.kit.topics.connections import Connections
from outboard.kit.tracing import next_span
from outboard.kit.ttl import Ttl, ttl_metadata
from outboard.wire.cloudevents import PARTITION_KEY_ATTRIBUTE, AttributeValue
from outboard.wire.dapr import CALLER_HEADER, PARTITION_KEY
from outboard.wire.delivery import metadata_problem
from outboard.wire.events import CORE, Event, EventCodec
from outboard.wire.identity import new_id

__all__ = ["EventArguments", "EventPublisher", "EventType", "Metadata", "PublishArguments"]

T = TypeVar("T")

EventType: TypeAlias = str | Callable[[T], str]
"""The CloudEvents type of what is published to a topic, or a function from the data to it."""
Metadata: TypeAlias = dict[str, str]

RESERVED: Final = frozenset({*CORE, "data", "data_base64"})
EVENT: Final = TypeAdapter[Event[Any]](Event)
KEY: Final = f"metadata '{PARTITION_KEY}'"


class PublishArguments(TypedDict, total=False):
    """What can be said of an event that is published or staged. `Topic.publish` explains it."""

    key: Key | None
    ttl: Ttl | None
    metadata: Mapping[str, str] | None


class EventArguments(PublishArguments, total=False):
    """As `PublishArguments`, and the attributes of an event that is made for it."""

    id: str | None
    type: str | None
    subject: str | None
    extensions: Mapping[str, AttributeValue] | None


@dataclass(frozen=True, slots=True)
class EventPublisher:
    """What every topic of a board publishes through. `timeout` is in seconds, `max_event_bytes` in bytes.

    `randbytes(n)` gives n random bytes, for ids and spans.
    """

    connections: Connections
    app_id: str
    timeout: float
    max_event_bytes: int
    clock: Clock
    randbytes: Callable[[int], bytes]

    def new_event(
        self,
        data: T,
        of_topic: EventType[T],
        *,
        key: Key | None = None,
        id: str | None = None,
        type: str | None = None,
        subject: str | None = None,
        extensions: Mapping[str, AttributeValue] | None = None,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> tuple[Event[T], Metadata]:
        """A whole event from this app, now, and Dapr's metadata of its publish.

        Its type is `type`, else that of its topic. Raises InvalidCloudEvent, InvalidName, ValueError.
        """
        pairs = _metadata(key, ttl, metadata)
        if extensions is not None:
            check_mapping("extensions", extensions)
        attributes: dict[str, Any] = {
            "id": new_id(self.randbytes) if id is None else id,
            "source": self.app_id,
            "type": type or (of_topic if isinstance(of_topic, str) else of_topic(data)),
            "subject": subject,
            "time": self.clock.now(),
            "datacontenttype": _content_type(data),
            "data": data,
        }
        if not extensions or "traceparent" not in extensions:
            attributes |= next_span(self.randbytes).attributes
        if extensions:
            attributes |= _checked(extensions)
        if key is not None and (text := pairs[PARTITION_KEY]):
            attributes[PARTITION_KEY_ATTRIBUTE] = text
        return _event(attributes, quickly=not extensions), pairs

    def completed(
        self,
        event: Event[T],
        *,
        key: Key | None = None,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> tuple[Event[T], Metadata]:
        """`event` with what it lacks of a source, a time, a content type and a trace context; its metadata.

        The ordering `key` that it is published with stands in the event, too (CloudEvents, "Partitioning").
        Raises InvalidName, ValueError.
        """
        _check_event(event)
        pairs = _metadata(key, ttl, metadata)
        missing: dict[str, Any] = {}
        if not event.source:
            missing["source"] = self.app_id
        if event.time is None:
            missing["time"] = self.clock.now()
        if event.datacontenttype is None:
            missing["datacontenttype"] = _content_type(event.data)
        if "traceparent" not in event.extensions:
            missing |= next_span(self.randbytes).attributes
        if text := pairs.get(PARTITION_KEY):
            missing[PARTITION_KEY_ATTRIBUTE] = text
        return event.model_copy(update=missing) if missing else event, pairs

    def send(
        self,
        event: Event[T],
        codec: EventCodec[T],
        pubsub: str,
        topic: str,
        metadata: Mapping[str, str],
        timeout: float | None,
    ) -> Awaitable[None]:
        """Send `event`, a whole one. What this gives back ends once the broker has it."""
        if timeout is not None:
            check_number("timeout", timeout)
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
        return Publication(pubsub, topic, body, metadata, *_trace_fields(event))

    def relay(self, publication: Publication, timeout: float) -> Awaitable[None]:
        """Send an event that was written before. What this gives back ends once the broker has it."""
        pubsub, topic = publication.pubsub, publication.topic
        connection = self.connections.current(f"publishing to topic '{topic}'")
        return connection.publish(pubsub, topic, lambda: publication, timeout)


def _event(attributes: dict[str, Any], *, quickly: bool) -> Event[Any]:
    """The event with these attributes. Where it is not valid, whoever encodes it says so in our words."""
    if quickly:
        try:
            whole: Event[Any] = EVENT.validator.validate_python(attributes)  # quicker than `model_construct`
            return whole
        except ValidationError:
            pass
    event: Event[Any] = Event.model_construct(None, **attributes)
    return event


def _content_type(data: object) -> str:
    return "application/octet-stream" if isinstance(data, bytes) else "application/json"


def _checked(extensions: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """Give the attributes back. Raises InvalidCloudEvent if one has the name of a core attribute."""
    for name in extensions:
        if name in RESERVED:
            raise InvalidCloudEvent(name, "is not an extension: it has a parameter of its own")
    return extensions


def _trace_fields(event: Event[T]) -> tuple[dict[str, str], str]:
    """The trace context of `event` for its way: as HTTP headers, and for a bulk request.

    daprd writes the headers into the event as it passes. In a bulk request there are none for each event; it
    keeps the `traceparent` of one that has daprd's own attribute `traceid`, which holds the same. That is
    the second value, empty where the event has a `traceid` already.
    """
    extensions = event.__pydantic_extra__
    traceparent = str(extensions.get("traceparent") or "")
    headers = {"traceparent": traceparent} if traceparent else {}
    if tracestate := extensions.get("tracestate"):
        headers["tracestate"] = str(tracestate)
    return headers, "" if extensions.get("traceid") else traceparent


def _check_event(event: object) -> None:
    """Raise TypeError for what is no `Event`."""
    if not isinstance(event, Event):
        wrong("event", "an Event", event)


def _metadata(key: Key | None, ttl: Ttl | None, metadata: Mapping[str, str] | None) -> Metadata:
    """Dapr's metadata of one publish.

    Raises InvalidName for text that no header may hold, and ValueError for a `ttl` that is not positive.
    """
    if ttl is None and not metadata:
        return {} if key is None else {PARTITION_KEY: check_text(KEY, key_text(KEY, key))}
    check_mapping("metadata", metadata)
    pairs = dict(metadata or {})
    if key is not None:
        pairs[PARTITION_KEY] = key_text(KEY, key)
    pairs |= ttl_metadata(ttl)
    for name, value in pairs.items():
        text = {check_text("metadata", name): check_text(f"metadata '{name}'", value)}
        if problem := metadata_problem(text):
            raise InvalidName("metadata", name, f"would keep the event from ever being delivered: {problem}")
        if name.lower() == CALLER_HEADER:  # by which a handler tells what another app sends through Dapr
            raise InvalidName("metadata", name, "is what Dapr says of a service invocation")
    return pairs
