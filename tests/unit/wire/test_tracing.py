from __future__ import annotations

import pytest

from outboard.wire.tracing import TraceContext

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def test_reads_and_writes_a_traceparent() -> None:
    context = TraceContext.parse(f"00-{TRACE}-{SPAN}-01", "vendor=1")
    assert context == TraceContext(TRACE, SPAN, "01", "vendor=1")
    assert context.traceparent == f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        7,
        "",
        "00",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_an_invalid_traceparent_is_none(traceparent: object) -> None:
    assert TraceContext.parse(traceparent) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert TraceContext.parse(f"01-{TRACE}-{SPAN}-01-more") == TraceContext(TRACE, SPAN, "01")


def test_a_child_stays_in_the_trace() -> None:
    parent = TraceContext.new(lambda n: b"\x01" * n)
    child = parent.child(lambda n: b"\x02" * n)
    assert (child.trace_id, child.span_id) == (parent.trace_id, "02" * 8)
