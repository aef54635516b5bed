"""Makes an event whole before it is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from outboard.errors import InvalidCloudEvent
from outboard.kit.names import check_text
from outboard.kit.ttl import Ttl, ttl_metadata
from outboard.wire.cloudevents import AttributeValue
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.events import CORE, Event
from outboard.wire.tracing import TraceContext

__all__ = ["check_extensions", "completed", "publish_metadata", "trace_headers"]

T = TypeVar("T")

RESERVED: Final = frozenset({*CORE, "data", "data_base64"})


def completed(event: Event[T], *, source: str, now: datetime, trace: TraceContext) -> Event[T]:
    """`event` with a source, a time, a content type and a trace context, where it has none of its own."""
    missing: dict[str, Any] = {}
    if not event.source:
        missing["source"] = source
    if event.time is None:
        missing["time"] = now
    if event.datacontenttype is None:
        binary = isinstance(event.data, bytes)
        missing["datacontenttype"] = "application/octet-stream" if binary else "application/json"
    if "traceparent" not in event.extensions:
        missing["traceparent"] = trace.traceparent
        if trace.tracestate:
            missing["tracestate"] = trace.tracestate
    return event.model_copy(update=missing) if missing else event


def check_extensions(extensions: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """Give the attributes back. Raises InvalidCloudEvent if one has the name of a core attribute."""
    for name in extensions:
        if name in RESERVED:
            raise InvalidCloudEvent(name, "is not an extension: it has a parameter of its own")
    return extensions


def trace_headers(event: Event[T]) -> dict[str, str]:
    """The trace context of `event` as HTTP headers; daprd writes these into the event as it passes."""
    extensions = event.extensions
    names = ("traceparent", "tracestate")
    return {name: str(extensions[name]) for name in names if extensions.get(name)}


def publish_metadata(key: str | None, ttl: Ttl | None, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Dapr's metadata of one publish.

    Raises InvalidName for text that no header may hold, and ValueError for a `ttl` that is not positive.
    """
    pairs = {check_text("metadata", name): value for name, value in (metadata or {}).items()}
    if key is not None:
        pairs[PARTITION_KEY] = key
    pairs |= ttl_metadata(ttl)
    for name, value in pairs.items():
        check_text(f"metadata '{name}'", value)
    return pairs
