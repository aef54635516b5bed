"""A trace as text and in its binary form, which are told in one call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.channel.grpc.metadata import trace_metadata, trace_of
from outboard.wire.tracing import ZERO_TRACEPARENT, TraceContext

BINARY = bytes.fromhex("0000" + "1" * 32 + "01" + "2" * 16 + "0201")


@given(st.binary(min_size=24, max_size=24).filter(lambda data: any(data[:16]) and any(data[16:])))
def test_one_form_is_made_of_the_other(data: bytes) -> None:
    traceparent = TraceContext.new(lambda _: data).traceparent
    told = dict(trace_metadata(traceparent))
    assert told["traceparent"] == traceparent
    binary = told["grpc-trace-bin"]
    assert isinstance(binary, bytes)
    assert trace_of(binary) == traceparent


def test_the_binary_form_is_that_of_opencensus() -> None:
    assert trace_of(BINARY) == "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


@pytest.mark.parametrize("data", [b"", BINARY[:-1], BINARY + b"x", bytes(29), b"\1" + BINARY[1:]])
def test_what_is_no_trace(data: bytes) -> None:
    assert trace_of(data) == ""


@pytest.mark.parametrize("traceparent", [None, "", "none", ZERO_TRACEPARENT])
def test_no_trace_is_not_told(traceparent: str | None) -> None:
    assert trace_metadata(traceparent) == ()
