"""W3C trace context: reading and writing the `traceparent` header (Trace Context, level 1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["ZERO_TRACEPARENT", "TraceContext"]

TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")
ZERO_TRACEPARENT: Final = f"00-{'0' * 32}-{'0' * 16}-00"
"""What daprd sends where there is no trace: not a valid `traceparent`."""


class TraceContext(NamedTuple):
    """One position in a trace. `trace_id` has 32 and `span_id` 16 lower-case hex digits."""

    trace_id: str
    span_id: str
    flags: str = "01"
    tracestate: str = ""

    @classmethod
    def parse(cls, traceparent: object, tracestate: object = "") -> TraceContext | None:
        """Read a `traceparent`; None where it is absent or not a valid one, as the specification asks."""
        match = TRACEPARENT.match(traceparent) if isinstance(traceparent, str) else None
        if match is None:
            return None
        version, trace_id, span_id, flags, more = match.groups()
        if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
            return None
        return cls(trace_id, span_id, flags, tracestate if isinstance(tracestate, str) else "")

    @classmethod
    def new(cls, randbytes: Callable[[int], bytes]) -> TraceContext:
        """Start a trace. `randbytes(n)` gives n random bytes."""
        both = randbytes(24).hex()
        return cls(both[:32], both[32:])

    def child(self, randbytes: Callable[[int], bytes]) -> TraceContext:
        """The same trace at a new span."""
        return TraceContext(self.trace_id, randbytes(8).hex(), self.flags, self.tracestate)

    @property
    def attributes(self) -> dict[str, str]:
        """What an event, or a request, says to belong here; an empty `tracestate` is left out."""
        given = {"traceparent": self.traceparent}
        return {**given, "tracestate": self.tracestate} if self.tracestate else given

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"
