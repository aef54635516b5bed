"""The metadata of a call to an app over gRPC, and of one that is passed on. Pure.

Source: gRPC over HTTP/2, "Custom-Metadata"; daprd 1.18 for what it adds and keeps to itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from outboard.sidecar.channel.grpc.metadata import BINARY, OF_THE_PROTOCOL, trace_metadata
from outboard.sidecar.invocation.headers import first
from outboard.sidecar.invocation.values import AppCall, Headers
from outboard.wire import dapr
from outboard.wire.tracing import ZERO_TRACEPARENT, TraceContext

__all__ = ["Pairs", "as_headers", "as_metadata", "first_of", "of_a_call", "to_app", "to_peer"]

Pairs: TypeAlias = Sequence[tuple[str, str | bytes]]
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
BINARY_TRACE: Final = "grpc-trace-bin"
TRACE: Final = frozenset({TRACEPARENT, TRACESTATE, BINARY_TRACE})
OF_HTTP: Final = frozenset({
    "accept", "accept-charset", "accept-language", "accept-ranges", "connection", "keep-alive",
    "proxy-connection", "transfer-encoding", "upgrade", "cache-control", "content-type", "content-length",
    "cookie", "date", "expect", "from", "host", "if-match", "if-modified-since", "if-none-match",
    "if-schedule-tag-match", "if-unmodified-since", "max-forwards", "origin", "pragma", "referer", "via",
    "warning",
})  # fmt: skip
"""Headers that mean something to HTTP: an app over gRPC gets them with a prefix."""


def of_a_call(call: AppCall, token: str) -> list[tuple[str, str | bytes]]:
    """Of a `call` to the app by the method that Dapr gives it: its headers, the trace, and the `token`.

    The binary form of a trace is there in any case, empty where there is no trace, as daprd has it.
    """
    hidden = {*TRACE, dapr.DESTINATION_HEADER, *((dapr.API_TOKEN_HEADER,) if token else ())}
    kept = [item for item in call.headers if item[0] not in hidden]
    if call.over_grpc:
        given = [*as_metadata(kept)]
    else:
        given = [
            (f"dapr-{name}" if name in OF_HTTP else name, value.encode() if name.endswith(BINARY) else value)
            for name, value in kept
        ]
    traced = [*_traced(first(call.headers, TRACEPARENT), first(call.headers, TRACESTATE))]
    untraced = [] if any(name == BINARY_TRACE for name, _ in traced) else [(BINARY_TRACE, b"")]
    sent = [*_passed_on(given), *traced, *untraced]
    return [*sent, (dapr.API_TOKEN_HEADER, token)] if token else sent


def as_metadata(headers: Headers) -> Iterator[tuple[str, str | bytes]]:
    """What was kept as text; binary ones that are no base64 are left out."""
    for name, value in headers:
        if not name.endswith(BINARY):
            yield name, value
            continue
        try:
            yield name, base64.b64decode(value, validate=True)
        except binascii.Error:
            continue


def as_headers(metadata: Iterable[tuple[str, str | bytes]]) -> list[tuple[str, str]]:
    """Metadata as text: binary ones in base64."""
    return [
        (name, value if isinstance(value, str) else base64.b64encode(value).decode())
        for name, value in metadata
    ]


def to_app(metadata: Pairs, token: str) -> list[tuple[str, str | bytes]]:
    """Of a call to the app, which is shown its `token`, and never that of the sidecar."""
    kept = [item for item in _passed_on(metadata) if item[0] != dapr.API_TOKEN_HEADER]
    return [*kept, (dapr.API_TOKEN_HEADER, token)] if token else kept


def to_peer(metadata: Pairs, caller: str, callee: str) -> list[tuple[str, str | bytes]]:
    """Of a call to another sidecar, which is told who calls whom, and the trace: zeros where there is none.

    The library keeps a trace in its binary form to itself, so that none can be read here.
    """
    return [
        *(item for item in _passed_on(metadata) if item[0] != TRACEPARENT),
        *_traced(first_of(metadata, TRACEPARENT) or ""),
        (dapr.CALLER_HEADER, caller),
        (dapr.CALLEE_HEADER, callee),
    ]


def first_of(metadata: Pairs, name: str) -> str | None:
    """The first text under `name`."""
    return next((value for each, value in metadata if each == name and isinstance(value, str)), None)


def _passed_on(metadata: Pairs) -> Iterator[tuple[str, str | bytes]]:
    for name, value in metadata:
        if name not in OF_THE_PROTOCOL and name != dapr.APP_ID_HEADER and not name.startswith(":"):
            yield name, value


def _traced(traceparent: str, tracestate: str = "") -> Iterator[tuple[str, str | bytes]]:
    yield from trace_metadata(traceparent) or ((TRACEPARENT, ZERO_TRACEPARENT),)
    if tracestate and TraceContext.parse(traceparent) is not None:
        yield TRACESTATE, tracestate
