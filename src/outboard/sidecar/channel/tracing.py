"""The trace headers of a delivery, whatever the app's protocol is. Pure.

Source: W3C Trace Context; daprd 1.18 for what it sends where an event has no valid trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outboard.gojson.values import Json
from outboard.sidecar.channel.batch import BatchedEvent
from outboard.wire.tracing import ZERO_TRACEPARENT, TraceContext

__all__ = ["batch_trace_headers", "trace_headers"]


def trace_headers(event: Mapping[str, Json], forwarded: Mapping[str, str]) -> dict[str, str]:
    """The event's trace; where it has none that is valid, the zeros, unless the broker told of one."""
    given = _told(event)
    if given is None:
        return {}
    trace = TraceContext.parse(given)
    if trace is None and "traceparent" in forwarded:
        return {}
    return {"traceparent": ZERO_TRACEPARENT if trace is None else trace.traceparent}


def batch_trace_headers(events: Sequence[BatchedEvent]) -> dict[str, str]:
    """The trace of the last event that tells one."""
    for each in reversed(events):
        given = _told(each.incoming.event)
        if given is not None:
            trace = TraceContext.parse(given)
            return {"traceparent": ZERO_TRACEPARENT if trace is None else trace.traceparent}
    return {}


def _told(event: Mapping[str, Json]) -> str | None:
    """What is no text tells nothing: over gRPC daprd passes it over, over HTTP it panics."""
    given = event.get("traceparent")
    if given is None:
        given = event.get("traceid")
    return given if isinstance(given, str) else None
