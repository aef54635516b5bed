"""Which headers of a call are passed on, and which are added. Pure.

Source: RFC 9110, 7.6.1, and RFC 7239; daprd 1.18 for what it adds and keeps to itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.invocation.values import Headers
from outboard.wire import dapr
from outboard.wire.tracing import ZERO_TRACEPARENT

__all__ = ["Forwarder", "as_event_stream", "called", "first", "is_event_stream", "to_app", "to_caller"]

HOP_BY_HOP: Final = frozenset({
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings", "te",
    "trailer", "proxy-authorization", "proxy-authenticate",
})  # fmt: skip
LENGTH: Final = "content-length"
KEPT_BACK: Final = frozenset({LENGTH, dapr.DESTINATION_HEADER, "host"})
BINARY: Final = "-bin"
EVENT_STREAM: Final = "text/event-stream"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
BAGGAGE: Final = "baggage"
OF_A_CALL: Final = frozenset({dapr.CALLER_HEADER, dapr.CALLEE_HEADER, dapr.CALLER_NAMESPACE_HEADER})


@dataclass(frozen=True, slots=True)
class Forwarder:
    """The machine that this sidecar passes calls on from; empty where that is not known."""

    address: str = ""
    name: str = ""

    @property
    def headers(self) -> Headers:
        """What it adds to a call: X-Forwarded-For, X-Forwarded-Host and Forwarded."""
        shown = self._in_forwarded()
        told = [f"for={shown};by={shown}"] if self.address else []
        told += [f"host={self.name}"] if self.name else []
        added = [("x-forwarded-for", self.address), ("x-forwarded-host", self.name)]
        return [*((name, value) for name, value in added if value), ("forwarded", ";".join(told))]

    def _in_forwarded(self) -> str:
        try:
            is_long = ipaddress.ip_address(self.address).version == 6
        except ValueError:
            return self.address
        return f'"[{self.address}]"' if is_long else self.address


def called(
    headers: Headers, caller: str, namespace: str, callee: str, forwarder: Forwarder
) -> list[tuple[str, str]]:
    """The headers of a call from one sidecar to another, which says itself who calls whom."""
    own = [item for item in headers if item[0] not in OF_A_CALL]
    between = [
        (dapr.DESTINATION_HEADER, callee),
        (dapr.CALLER_NAMESPACE_HEADER, namespace),
        (dapr.CALLER_HEADER, caller),
        (dapr.CALLEE_HEADER, callee),
    ]
    return [*own, *forwarder.headers, *between]


def to_app(headers: Headers, *, token: str = "") -> list[tuple[str, str]]:
    """The headers of a request to an app, with the length of a body that is known, and its `token`."""
    kept = [(name, value) for name, value in passed_on(headers) if not token or name != dapr.API_TOKEN_HEADER]
    length = first(headers, LENGTH)
    if length:
        kept.append((LENGTH, length))
    return [*kept, (dapr.API_TOKEN_HEADER, token)] if token else kept


def to_caller(headers: Headers) -> list[tuple[str, str]]:
    """The headers of an answer: the trace where the app told one, and not its date but the sidecar's own."""
    traced = bool(first(headers, TRACEPARENT))
    return [
        (name, value)
        for name, value in passed_on(headers)
        if name != "date" and (traced or name != TRACEPARENT)
    ]


def as_event_stream(headers: Headers) -> list[tuple[str, str]]:
    """Those of an answer from another sidecar to a caller that asked for server-sent events."""
    kept = [item for item in headers if item[0] not in {"content-type", "cache-control"}]
    return [*kept, ("content-type", EVENT_STREAM), ("cache-control", "no-cache")]


def passed_on(headers: Headers) -> Iterator[tuple[str, str]]:
    """Those that concern more than one connection, and the trace; of what has no trace the zeros say so."""
    nominated = {
        part.strip().lower() for name, value in headers if name == "connection" for part in value.split(",")
    }
    content_type = first(headers, "content-type")
    for name, value in headers:
        if name in HOP_BY_HOP or name in KEPT_BACK or name in nominated or name.endswith(BINARY):
            continue
        if name not in {TRACEPARENT, TRACESTATE, BAGGAGE, "content-type"}:
            yield _reserved(name), value
    if content_type:
        yield "content-type", content_type
    if baggage := first(headers, BAGGAGE):
        yield BAGGAGE, baggage
    trace = first(headers, TRACEPARENT)
    yield TRACEPARENT, trace or ZERO_TRACEPARENT
    if trace and (state := first(headers, TRACESTATE)):
        yield TRACESTATE, state


def _reserved(name: str) -> str:
    """What belongs to gRPC, and is no header of HTTP, gets a prefix."""
    return f"dapr-{name.removeprefix(':')}" if name.startswith(("grpc-", ":")) else name


def first(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The first value under `name`; empty where there is none."""
    return next((value for each, value in headers if each == name), "")


def is_event_stream(headers: Headers) -> bool:
    """Whether the caller asks for server-sent events, and for nothing else."""
    return first(headers, "accept").strip().lower() == EVENT_STREAM
