"""What a call tells beside its message, as gRPC's metadata. Pure.

Source: gRPC over HTTP/2, "Custom-Metadata"; daprd 1.18 for what is forwarded, and what cannot be sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from outboard.wire.forwarding import may_be_header
from outboard.wire.tracing import TraceContext

__all__ = [
    "BINARY",
    "OF_THE_PROTOCOL",
    "binary_trace",
    "forwarded_metadata",
    "metadata_problem",
    "trace_metadata",
    "trace_of",
]

OF_THE_PROTOCOL: Final = frozenset(
    {
        "content-type",
        "grpc-encoding",
        "grpc-message",
        "grpc-message-type",
        "grpc-status",
        "grpc-timeout",
        "te",
    }
    | {"user-agent"}
)
NAME: Final = re.compile(r"[0-9a-z_.-]+\Z")
VALUE: Final = re.compile(r"[ -~]*\Z")
BINARY: Final = "-bin"
"""What the names of binary metadata end with; here their values have a byte a character."""
TRACE: Final = "grpc-trace-bin"
BINARY_TRACE: Final = re.compile(rb"\x00\x00(.{16})\x01(.{8})\x02(.)\Z", re.DOTALL)


def forwarded_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Broker metadata as those of the call to the app, whether or not they can be sent."""
    forwarded: dict[str, str] = {}
    for key, value in metadata.items():
        name = _name(key)
        if name is not None:
            forwarded[name] = value.encode().decode("latin-1") if name.endswith(BINARY) else value
    return forwarded


def binary_trace(traceparent: str | None) -> dict[str, str]:
    """The trace as apps of OpenCensus read it; nothing where it is no valid one."""
    trace = TraceContext.parse(traceparent)
    if trace is None:
        return {}
    identity, span, flags = (bytes.fromhex(each) for each in (trace.trace_id, trace.span_id, trace.flags))
    return {TRACE: (b"\0\0" + identity + b"\1" + span + b"\2" + flags).decode("latin-1")}


def trace_of(binary: bytes) -> str:
    """The `traceparent` of a trace in its binary form; empty where it is none."""
    found = BINARY_TRACE.match(binary)
    trace = None if found is None else TraceContext(*(each.hex() for each in found.groups()))
    return "" if trace is None or TraceContext.parse(trace.traceparent) is None else trace.traceparent


def trace_metadata(traceparent: str | None) -> tuple[tuple[str, str | bytes], ...]:
    """A trace as metadata of a call, in both forms; nothing where it is no valid one."""
    trace = TraceContext.parse(traceparent)
    if trace is None:
        return ()
    binary = [(name, value.encode("latin-1")) for name, value in binary_trace(traceparent).items()]
    return ("traceparent", trace.traceparent), *binary


def metadata_problem(metadata: Mapping[str, str]) -> str:
    """Why these cannot be sent; empty where they can."""
    for name, value in metadata.items():
        if not NAME.match(name):
            return f"header key {name!r} contains illegal characters not in [0-9a-z-_.]"
        if not name.endswith(BINARY) and not VALUE.match(value):
            return f"header key {name!r} contains value with non-printable ASCII characters"
    return ""


@lru_cache(maxsize=256)
def _name(key: str) -> str | None:
    """None for what is not forwarded."""
    name = key.lower()
    return name if name not in OF_THE_PROTOCOL and not name.startswith(":") and may_be_header(name) else None
