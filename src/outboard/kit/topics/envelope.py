"""Makes an event whole before it is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from outboard.errors import InvalidCloudEvent
from outboard.kit.names import check_text
from outboard.kit.ttl import Ttl, ttl_metadata
from outboard.wire.cloudevents import PARTITION_KEY_ATTRIBUTE, AttributeValue
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.events import CORE, Event
from outboard.wire.tracing import TraceContext

__all__ = ["check_extensions", "completed", "new_event", "publish_metadata", "trace_fields"]

T = TypeVar("T")

RESERVED: Final = frozenset({*CORE, "data", "data_base64"})
EVENT: Final = TypeAdapter[Event[Any]](Event)
KEY: Final = f"metadata '{PARTITION_KEY}'"


def new_event(
    data: T,
    *,
    id: str,
    source: str,
    type: str,
    subject: str | None,
    extensions: Mapping[str, AttributeValue] | None,
    now: datetime,
    trace: TraceContext,
    key: str | None,
) -> Event[T]:
    """An event that is whole at once, as `completed` would make it. Raises InvalidCloudEvent."""
    attributes: dict[str, Any] = {
        "id": id,
        "source": source,
        "type": type,
        "subject": subject,
        "time": now,
        "datacontenttype": _content_type(data),
        "data": data,
    }
    if not extensions or "traceparent" not in extensions:
        attributes["traceparent"] = trace.traceparent
        if trace.tracestate:
            attributes["tracestate"] = trace.tracestate
    if extensions:
        attributes |= check_extensions(extensions)
    if key:
        attributes[PARTITION_KEY_ATTRIBUTE] = key
    if not extensions:
        try:
            whole: Event[T] = EVENT.validator.validate_python(attributes)  # quicker than `model_construct`
            return whole
        except ValidationError:
            pass  # whoever encodes it says what is wrong, in our words
    event: Event[T] = Event.model_construct(None, **attributes)
    return event


def completed(
    event: Event[T], *, source: str, now: datetime, trace: TraceContext, key: str | None = None
) -> Event[T]:
    """`event` with a source, a time, a content type and a trace context, where it has none of its own.

    The ordering `key` that it is published with stands in the event, too (CloudEvents, "Partitioning").
    """
    missing: dict[str, Any] = {}
    if not event.source:
        missing["source"] = source
    if event.time is None:
        missing["time"] = now
    if event.datacontenttype is None:
        missing["datacontenttype"] = _content_type(event.data)
    if "traceparent" not in event.extensions:
        missing["traceparent"] = trace.traceparent
        if trace.tracestate:
            missing["tracestate"] = trace.tracestate
    if key:
        missing[PARTITION_KEY_ATTRIBUTE] = key
    return event.model_copy(update=missing) if missing else event


def _content_type(data: object) -> str:
    return "application/octet-stream" if isinstance(data, bytes) else "application/json"


def check_extensions(extensions: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """Give the attributes back. Raises InvalidCloudEvent if one has the name of a core attribute."""
    for name in extensions:
        if name in RESERVED:
            raise InvalidCloudEvent(name, "is not an extension: it has a parameter of its own")
    return extensions


def trace_fields(event: Event[T]) -> tuple[dict[str, str], str]:
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


def publish_metadata(key: str | None, ttl: Ttl | None, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Dapr's metadata of one publish.

    Raises InvalidName for text that no header may hold, and ValueError for a `ttl` that is not positive.
    """
    if ttl is None and not metadata:
        return {} if key is None else {PARTITION_KEY: check_text(KEY, key)}
    pairs = {check_text("metadata", name): value for name, value in (metadata or {}).items()}
    if key is not None:
        pairs[PARTITION_KEY] = key
    pairs |= ttl_metadata(ttl)
    for name, value in pairs.items():
        check_text(f"metadata '{name}'", value)
    return pairs
