"""The metadata of calls to apps over gRPC: what is passed on, added, and kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.invocation.grpc.metadata import as_headers, as_metadata, of_a_call, to_app, to_peer
from outboard.sidecar.invocation.values import AppCall, CallBody
from outboard.wire.tracing import ZERO_TRACEPARENT

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
BINARY = bytes.fromhex("0000" + "1" * 32 + "01" + "2" * 16 + "0201")
NAMES = st.from_regex(r"[a-z][a-z0-9]*(-bin)?", fullmatch=True)


def a_call(headers: Sequence[tuple[str, str]], *, over_grpc: bool) -> AppCall:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    return AppCall("m", "GET", "", headers, CallBody(nothing()), over_grpc=over_grpc)


def test_an_app_never_sees_the_token_of_its_sidecar() -> None:
    sent = (("dapr-api-token", "theirs"), ("dapr-app-id", "me"), ("x", "1"), ("user-agent", "a"), ("te", "b"))
    assert to_app(sent, "") == [("x", "1")]
    assert to_app(sent, "mine") == [("x", "1"), ("dapr-api-token", "mine")]


def test_another_sidecar_is_told_who_calls_whom_and_the_trace() -> None:
    told = to_peer((("x", "1"), ("traceparent", TRACE), ("dapr-app-id", "you")), "me", "you")
    assert told == [
        ("x", "1"),
        ("traceparent", TRACE),
        ("grpc-trace-bin", BINARY),
        ("dapr-caller-app-id", "me"),
        ("dapr-callee-app-id", "you"),
    ]


@pytest.mark.parametrize("trace", [(), (("traceparent", "none"),)])
def test_without_a_trace_the_zeros_are_told(trace: Sequence[tuple[str, str]]) -> None:
    assert ("traceparent", ZERO_TRACEPARENT) in to_peer(trace, "me", "you")


def test_headers_of_http_get_a_prefix_and_metadata_does_not() -> None:
    headers = [("accept", "a"), ("x-a", "1"), ("some-bin", "AAE="), ("destination-app-id", "x")]
    rest = (("traceparent", ZERO_TRACEPARENT), ("grpc-trace-bin", b""))
    http = of_a_call(a_call(headers, over_grpc=False), "")
    assert http == [("dapr-accept", "a"), ("x-a", "1"), ("some-bin", b"AAE="), *rest]
    assert of_a_call(a_call(headers, over_grpc=True), "t") == [
        ("accept", "a"), ("x-a", "1"), ("some-bin", b"\0\1"), *rest, ("dapr-api-token", "t"),
    ]  # fmt: skip


def test_a_trace_is_told_with_its_state() -> None:
    call = a_call([("traceparent", TRACE), ("tracestate", "a=b")], over_grpc=False)
    assert of_a_call(call, "") == [("traceparent", TRACE), ("grpc-trace-bin", BINARY), ("tracestate", "a=b")]


@given(st.dictionaries(NAMES, st.binary(), max_size=4))
def test_metadata_comes_through_text_as_it_was(items: dict[str, bytes]) -> None:
    metadata = [(name, value if name.endswith("-bin") else value.hex()) for name, value in items.items()]
    assert [*as_metadata(as_headers(metadata))] == metadata


def test_binary_metadata_that_is_none_is_left_out() -> None:
    assert [*as_metadata([("a-bin", "!"), ("b", "!")])] == [("b", "!")]
