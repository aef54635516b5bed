"""W3C's trace contexts as OpenTelemetry has them, and back; the links and parents that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

from outboard.kit.causation import current_trace
from outboard.kit.telemetry.attributes import Attributes
from outboard.kit.telemetry.creation import Creation
from outboard.wire.tracing import TraceContext

__all__ = [
    "Processed",
    "SentEvent",
    "around",
    "has_span",
    "links_to",
    "shared",
    "trace_context_of",
    "within",
]


class Processed(NamedTuple):
    """An event that has arrived: the trace context of what made it, and the attributes of a link to that."""

    made_by: TraceContext | None
    attributes: Attributes


class SentEvent(Protocol):
    """An event on its way out, with its `traceparent` among its `headers`."""

    @property
    def creation(self) -> Creation | None: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


def has_span() -> bool:
    """Whether there is a current span."""
    return trace.get_current_span().get_span_context().is_valid


def within(made: TraceContext) -> Context:
    """The context of whoever is at that place of a trace."""
    return trace.set_span_in_context(trace.NonRecordingSpan(_span_context(made)))


def around() -> Context | None:
    """The span of what is handled; where nobody has begun one, its place in the trace that it brings."""
    found = None if has_span() else current_trace()
    return None if found is None else within(found)


def shared(event: SentEvent) -> Processed:
    """Note that it leaves in a request with a span of its own: what that links to."""
    if event.creation is not None:
        event.creation.shares()
    made_by = TraceContext.parse(event.headers.get("traceparent"), event.headers.get("tracestate"))
    return Processed(made_by, event.creation.attributes if event.creation else {})


def links_to(events: Iterable[Processed]) -> list[Link]:
    """Links to what made them, of those that say it."""
    return [Link(_span_context(each.made_by), each.attributes) for each in events if each.made_by is not None]


def _span_context(found: TraceContext) -> SpanContext:
    return SpanContext(
        int(found.trace_id, 16),
        int(found.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found.flags, 16)),
        trace_state=TraceState.from_header([found.tracestate]) if found.tracestate else None,
    )


def trace_context_of(context: SpanContext) -> TraceContext:
    """As an event says it."""
    return TraceContext(
        trace.format_trace_id(context.trace_id),
        trace.format_span_id(context.span_id),
        f"{context.trace_flags:02x}",
        context.trace_state.to_header(),
    )
