"""An event as it arrived, alone or in a batch: read, or with what kept it from being read. Pure."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic_core import from_json, to_json

from outboard.errors import Drop, InvalidCloudEvent, InvalidEventData
from outboard.hops.record import EventIdentity
from outboard.kit.event_identity import identity_of
from outboard.kit.subscriptions.dead_letter import Envelope, content_id, has_position, read_envelope
from outboard.kit.subscriptions.result import Poison, Redeliver
from outboard.wire.bulk import BulkEntry, BulkRequest
from outboard.wire.cloudevents import CORRELATION_ID, STRUCTURED_CONTENT_TYPE
from outboard.wire.dapr import DEFAULT_SOURCE, EVENT_TYPE
from outboard.wire.events import Event, EventCodec
from outboard.wire.forwarding import may_be_header
from outboard.wire.partitioning import partition_key
from outboard.wire.replays import addressee
from outboard.wire.tracing import TraceContext

__all__ = ["Reading", "ReceivedAlone", "ReceivedEvent", "ReceivedInBulk"]

Reading: TypeAlias = Event[Any] | Poison | Redeliver

OCTET_STREAM: Final = "application/octet-stream"
CONTENT_TYPE: Final = "content-type"
TRACE_NAMES: Final = ("traceparent", "tracestate")


class ReceivedEvent(ABC):
    """One event on its way to its handler. `key` is its ordering key, where there may be others beside it."""

    __slots__ = ("key", "reading")

    key: str | None
    reading: Reading

    @abstractmethod
    def body(self) -> bytes:
        """The body that a delivery of it alone has."""

    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """The headers that a delivery of it alone has, with names in lower case."""

    @abstractmethod
    def trace(self) -> TraceContext | None:
        """The trace that it belongs to."""

    def correlation_id(self) -> str:
        """The conversation that it belongs to: what it says, else that of its trace, else one of its own."""
        said = _attributes(self.reading).get(CORRELATION_ID)
        if isinstance(said, str) and said:
            return said
        return "" if self.trace() else self.identity()[1]

    def causation_id(self) -> str:
        """Its id."""
        return self.identity()[1]

    def addressee(self) -> str:
        """The app that it is replayed for; empty where it is for everybody."""
        reading = self.reading
        return addressee(_attributes(reading) if isinstance(reading, Event) else self.envelope().members)

    def envelope(self) -> Envelope:
        """The event for a dead letter, whether or not it is a valid one."""
        return read_envelope(self.body(), self.headers())

    @abstractmethod
    def position(self) -> tuple[str, str]:
        """The partition and the offset that the broker gave it, as the sidecar tells them; empty if not."""

    def event_identity(self) -> EventIdentity:
        """By which the record of hops knows it."""
        reading = self.reading
        if isinstance(reading, Event):
            return identity_of(reading, self.key or "")
        envelope = self.envelope()
        return EventIdentity.of(envelope.members, envelope.key or "")

    def identity(self) -> tuple[str, str]:
        """The source and the id."""
        reading = self.reading
        return (reading.source, reading.id) if isinstance(reading, Event) else self.envelope().identity


class ReceivedAlone(ReceivedEvent):
    """An event that was delivered alone."""

    __slots__ = ("_body", "_headers")

    def __init__(self, codec: EventCodec[Any], body: bytes, headers: Mapping[str, str]) -> None:
        self.key = None
        self.reading = _read(codec, body, headers)
        self._body = body
        self._headers = headers

    def body(self) -> bytes:
        return self._body

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def position(self) -> tuple[str, str]:
        return self._headers.get("__partition", ""), self._headers.get("__offset", "")

    def trace(self) -> TraceContext | None:
        return _trace(self._headers) or _trace(_attributes(self.reading))


class ReceivedInBulk(ReceivedEvent):
    """One event of a batch."""

    __slots__ = ("_entry", "_request")

    def __init__(self, codec: EventCodec[Any], request: BulkRequest[Any], entry: BulkEntry[Any]) -> None:
        self._request = request
        self._entry = entry
        if entry.event is not None:
            self.reading = entry.event
            self.key = partition_key(entry.event.__pydantic_extra__, entry.metadata)
        else:
            self.reading = _read(codec, self.body(), self.headers())
            self.key = partition_key(self.envelope().members, entry.metadata)

    def body(self) -> bytes:
        raw = self._request.raw(self._entry)
        return _of_raw_payload(self._request, self._entry, raw) if raw.startswith(b'"') else raw

    def headers(self) -> Mapping[str, str]:
        return _headers(self._entry)

    def position(self) -> tuple[str, str]:
        metadata = self._entry.metadata
        return metadata.get("__partition", ""), metadata.get("__offset", "")

    def trace(self) -> TraceContext | None:
        """The event says it, or its metadata: the headers of the request may belong to another event."""
        return _trace(_attributes(self.reading)) or _trace(self._entry.metadata)


def _attributes(reading: Reading) -> Mapping[str, object]:
    return reading.__pydantic_extra__ if isinstance(reading, Event) else {}


def _read(codec: EventCodec[Any], body: bytes, headers: Mapping[str, str]) -> Reading:
    try:
        return codec.decode(body, headers)
    except (InvalidCloudEvent, InvalidEventData) as error:
        return Poison(str(error), error=type(error).__name__)
    except Drop as error:  # an upcaster says it
        return Poison(error.reason)
    except Exception as error:  # a validator or an upcaster of the author's that fails in a way of its own
        return Redeliver(f"{type(error).__name__} was raised while the event was read", error)


def _trace(source: Mapping[str, object]) -> TraceContext | None:
    return TraceContext.parse(source.get("traceparent"), source.get("tracestate"))


def _headers(entry: BulkEntry[Any]) -> dict[str, str]:
    """daprd delivers the metadata of an event, and its trace, as headers."""
    lowered = {name.lower(): value for name, value in entry.metadata.items()}
    headers = {name: value for name, value in lowered.items() if may_be_header(name)}
    headers[CONTENT_TYPE] = STRUCTURED_CONTENT_TYPE
    if entry.event is not None:
        for name in TRACE_NAMES:
            value = entry.event.__pydantic_extra__.get(name)
            if isinstance(value, str) and value:
                headers[name] = value
    return headers


def _of_raw_payload(request: BulkRequest[Any], entry: BulkEntry[Any], raw: bytes) -> bytes:
    """The event that daprd makes of a raw payload which it delivers alone; of a batch it sends the data only.

    Its id is of the payload and its place in the broker, where there is one, so that it stays the same.
    """
    try:
        text = from_json(raw)
    except ValueError:
        return raw
    headers = _headers(entry)
    place = headers if has_position(headers) else {"__offset": f"{request.id}/{entry.entry_id}"}
    return to_json(
        {
            "specversion": "1.0",
            "id": content_id(_payload(text, raw), place),
            "source": DEFAULT_SOURCE,
            "type": EVENT_TYPE,
            "datacontenttype": entry.content_type or OCTET_STREAM,
            "topic": request.topic,
            "pubsubname": request.pubsub,
            "data_base64": text,
        }
    )


def _payload(text: str, raw: bytes) -> bytes:
    """The bytes of base64 text; of what is none `raw`, so that it has an id, too."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return raw
