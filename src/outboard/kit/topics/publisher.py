"""Makes an event whole, writes it down, and has it sent within its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypedDict, TypeVar, Unpack

from pydantic import TypeAdapter, ValidationError

from outboard.clock import Clock
from outboard.errors import EventTooLarge, InvalidCloudEvent, InvalidName
from outboard.kit.arguments import check_mapping, check_number, shown, wrong
from outboard.kit.causation import inherited
from outboard.kit.client.port import Publication
from outboard.kit.names import Key, check_text, key_text
from outboard.kit.telemetry.creation import Creation
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.topics.connections import Connections
from outboard.kit.topics.hops import PublishingHops
from outboard.kit.ttl import Ttl, ttl_metadata
from outboard.wire.cloudevents import CAUSATION_ID, CORRELATION_ID, PARTITION_KEY_ATTRIBUTE, AttributeValue
from outboard.wire.dapr import CALLER_HEADER, PARTITION_KEY
from outboard.wire.deadletters import REASON
from outboard.wire.delivery import metadata_problem
from outboard.wire.events import CORE, Event, EventCodec
from outboard.wire.identity import new_id
from outboard.wire.tracing import TraceContext
from outboard.wire.versions import EventType, said_of

__all__ = ["EventArguments", "EventPublisher", "Metadata", "PublishArguments", "extensions_of"]

T = TypeVar("T")

Metadata: TypeAlias = dict[str, str]

RESERVED: Final = frozenset({*CORE, "data", "data_base64"})
EVENT: Final = TypeAdapter[Event[Any]](Event)
TRACE: Final = ("traceid", "traceparent", "tracestate")
NOTHING: Final[Mapping[str, AttributeValue]] = {}
KEY: Final = "event key"


class CauseArguments(TypedDict, total=False):
    """What an event comes of, where it is not what is handled at the moment."""

    correlationid: str | None
    causationid: str | None


class PublishArguments(CauseArguments, total=False):
    """What can be said of an event that is published or staged. `Topic.publish` explains it."""

    key: Key | None
    ttl: Ttl | None
    metadata: Mapping[str, str] | None


class EventArguments(PublishArguments, total=False):
    """As `PublishArguments`, and the attributes of an event that is made for it."""

    id: str | None
    type: str | None
    dataschema: str | None
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
    telemetry: Messaging
    hops: PublishingHops

    def new_event(
        self,
        data: T,
        of_topic: EventType[T],
        creation: Creation,
        schema_of_topic: EventType[T] | None = None,
        *,
        key: Key | None = None,
        id: str | None = None,
        type: str | None = None,
        dataschema: str | None = None,
        subject: str | None = None,
        extensions: Mapping[str, AttributeValue] | None = None,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
        **cause: Unpack[CauseArguments],
    ) -> tuple[Event[T], Metadata]:
        """A whole event from this app, now, and Dapr's metadata of its publish.

        Its type is `type`, else that of its topic, and so is its `dataschema`.
        Raises InvalidCloudEvent, InvalidName, ValueError.
        """
        pairs = _metadata(key, ttl, metadata)
        given = _given(extensions, **cause) if extensions is not None or cause else NOTHING
        attributes: dict[str, Any] = {
            "id": new_id(self.randbytes) if id is None else id,
            "source": self.app_id,
            "type": type or (of_topic if isinstance(of_topic, str) else of_topic(data)),
            "subject": subject,
            "time": self.clock.now(),
            "datacontenttype": _content_type(data),
            "data": data,
        }
        if dataschema is not None or schema_of_topic is not None:
            attributes["dataschema"] = dataschema or said_of(schema_of_topic or "", data)
        attributes |= inherited(self.randbytes, given, creation.trace)
        attributes |= given
        if key is not None and (text := pairs[PARTITION_KEY]):
            attributes[PARTITION_KEY_ATTRIBUTE] = text
        return _event(attributes, quickly=not given), pairs

    def completed(
        self,
        event: Event[T],
        creation: Creation,
        schema_of_topic: EventType[T] | None = None,
        *,
        key: Key | None = None,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
        correlationid: str | None = None,
        causationid: str | None = None,
    ) -> tuple[Event[T], Metadata]:
        """`event` with what it lacks of a source, a time, a content type, a schema, a trace and a cause; its
        metadata.

        The ordering `key` that it is published with stands in the event, too (CloudEvents, "Partitioning").
        Raises InvalidCloudEvent, InvalidName, ValueError.
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
        if event.dataschema is None and schema_of_topic is not None:
            missing["dataschema"] = said_of(schema_of_topic, event.data)
        missing |= self._missing_cause(
            event, _ids(correlationid=correlationid, causationid=causationid), creation.trace
        )
        if text := pairs.get(PARTITION_KEY):
            missing[PARTITION_KEY_ATTRIBUTE] = text
        return event.model_copy(update=missing) if missing else event, pairs

    def _missing_cause(
        self, event: Event[T], said: Mapping[str, str], at: TraceContext | None
    ) -> dict[str, str]:
        """Its trace, conversation and cause, as far as it lacks them.

        One that has a conversation is published once more: what it came of stays. None comes of itself.
        """
        has = event.extensions
        _check_trace(has)
        found = inherited(self.randbytes, {**has, **said}, at)
        if CORRELATION_ID in has or found.get(CAUSATION_ID) == event.id:
            found.pop(CAUSATION_ID, None)
        return {**found, **said}

    def send(
        self,
        event: Event[T],
        codec: EventCodec[T],
        pubsub: str,
        topic: str,
        metadata: Mapping[str, str],
        timeout: float | None,
        creation: Creation,
    ) -> Awaitable[bool]:
        """Send `event`, a whole one. What this gives back ends once the broker has it: with whether that is
        to be recorded.
        """
        if timeout is not None:
            check_number("timeout", timeout)
        connection = self.connections.current(f"publishing to topic '{topic}'")

        def write() -> Publication:
            return self.written(event, codec, pubsub, topic, metadata, creation)

        return connection.publish(pubsub, topic, write, self.timeout if timeout is None else timeout)

    def written(
        self,
        event: Event[T],
        codec: EventCodec[T],
        pubsub: str,
        topic: str,
        metadata: Mapping[str, str],
        creation: Creation,
    ) -> Publication:
        """`event`, a whole one, in its final form.

        Raises EventTooLarge, InvalidCloudEvent, InvalidEventData.
        """
        body = codec.encode(event)
        if len(body) > self.max_event_bytes:
            raise EventTooLarge(pubsub, topic, len(body), self.max_event_bytes)
        creation.written(body)
        # A dead letter on its way back is recorded in any case.
        name = "" if REASON in event.__pydantic_extra__ else event.id
        return Publication(pubsub, topic, body, metadata, *_trace_fields(event), creation, name)

    def relay(self, publication: Publication, timeout: float) -> Awaitable[object]:
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


def _given(
    extensions: Mapping[str, AttributeValue] | None, **cause: Unpack[CauseArguments]
) -> dict[str, AttributeValue]:
    """The extension attributes that are said of an event.

    Raises InvalidCloudEvent if one has the name of a core attribute, or is no text where only texts will do.
    """
    check_mapping("extensions", extensions)
    given = dict(extensions or {})
    for name in given:
        if name in RESERVED:
            raise InvalidCloudEvent(name, "is not an extension: it has a parameter of its own")
    _check_trace(given)
    ids = {name: given.get(name) for name in (CORRELATION_ID, CAUSATION_ID)}
    return {**given, **_ids(**{**ids, **cause})}


def _ids(*, correlationid: object = None, causationid: object = None) -> dict[str, str]:
    """Those that are said. Raises InvalidCloudEvent for what is no text, and for an empty one."""
    said = {CORRELATION_ID: correlationid, CAUSATION_ID: causationid}
    return {name: _text(name, value) for name, value in said.items() if value is not None}


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidCloudEvent(name, f"has to be a text that is not empty, not {shown(value)}")
    return value


def _check_trace(extensions: Mapping[str, AttributeValue]) -> None:
    """Raise InvalidCloudEvent for a trace that is no text: daprd crashes at it before 1.18.3."""
    for name in TRACE:
        if not isinstance(value := extensions.get(name, ""), str):
            raise InvalidCloudEvent(name, f"has to be a text, not {shown(value)}")


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


def extensions_of(event: object) -> Mapping[str, AttributeValue] | None:
    """What the event says already; None of what is no event, which `EventPublisher.completed` refuses."""
    return event.extensions if isinstance(event, Event) else None


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
        pairs[PARTITION_KEY] = check_text(KEY, key_text(KEY, key))
    pairs |= ttl_metadata(ttl)
    for name, value in pairs.items():
        text = {check_text("metadata name", name): check_text(f"value of metadata '{name}':", value)}
        if problem := metadata_problem(text):
            raise InvalidName(
                "metadata name", name, f"would keep the event from ever being delivered: {problem}"
            )
        if name.lower() == CALLER_HEADER:  # by which a handler tells what another app sends through Dapr
            raise InvalidName("metadata name", name, "is what Dapr says of a service invocation")
    return pairs
