"""Spans as apps send them, as values and as requests of OTLP."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from outboard.dashboard.otlp.span import ReceivedSpan

__all__ = ["TRACE", "parent", "proto_span", "request", "span"]

TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(
    name: str,
    service: str = "mail",
    parent: str = "",
    at: float = 1_000.0,
    kind: str = "internal",
    trace: str = TRACE,
    span_id: str = "",
    **more: object,
) -> ReceivedSpan:
    """Its id, and `parent`, are made of names."""
    made = ReceivedSpan(trace, span_id or ids(name), parent and ids(parent), service, name, kind, at, 0.01)
    return made._replace(**more)  # type: ignore[arg-type]


def ids(name: str) -> str:
    """A span id made of a name of at most eight bytes."""
    return name.encode()[:8].ljust(8, b"_").hex()


def parent(name: str, trace: str = TRACE) -> str:
    """The `traceparent` of whoever is below the span of that name."""
    return f"00-{trace}-{ids(name)}-01"


def proto_span(name: str = "POST /orders", *, span_id: bytes = b"\x01" * 8, **more: object) -> Span:
    """One of the trace TRACE."""
    given: dict[str, object] = {
        "trace_id": bytes.fromhex(TRACE),
        "span_id": span_id,
        "name": name,
        "kind": Span.SPAN_KIND_SERVER,
        "start_time_unix_nano": 1_000_000_000_000,
        "end_time_unix_nano": 1_000_250_000_000,
        **more,
    }
    return Span(**given)  # type: ignore[arg-type]


def request(*spans: Span, service: str = "legacy") -> ExportTraceServiceRequest:
    """All of one service."""
    named: Sequence[KeyValue] = [KeyValue(key="service.name", value=AnyValue(string_value=service))]
    told = ResourceSpans(resource=Resource(attributes=named), scope_spans=[ScopeSpans(spans=spans)])
    return ExportTraceServiceRequest(resource_spans=[told])
