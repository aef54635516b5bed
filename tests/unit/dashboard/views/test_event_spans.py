"""Which spans belong to which event, and where they stand among its steps."""

from __future__ import annotations

import random

from outboard.dashboard.otlp.span import ReceivedSpan
from outboard.dashboard.views.event_spans import SpanNode, among, spans_asked, spans_of
from outboard.hops.record import Hop, HopKind
from outboard.hops.story import EventStory, stories
from support.dashboard import hop
from support.spans import TRACE, parent, span

STORED, DELIVERED = HopKind.STORED, HopKind.DELIVERED


def traced(made: Hop, by: str) -> Hop:
    return made._replace(event=made.event._replace(traceparent=parent(by)))


def two_events() -> list[EventStory]:
    """`mail`, without the kit, is given e1 and publishes e2, which `bill` is given."""
    return stories(
        [
            traced(hop(STORED, "e1"), "send1"),
            traced(hop(DELIVERED, "e1", app_id="mail", outcome="SUCCESS"), "send1"),
            traced(hop(STORED, "e2", app_id="mail", topic="sent"), "send2"),
            traced(hop(DELIVERED, "e2", app_id="bill", topic="sent", outcome="SUCCESS"), "send2"),
        ]
    )


SPANS = [
    span("request", "api", kind="server"),
    span("send1", "api", parent="request", kind="client"),
    span("take1", "mail", parent="send1", kind="server"),
    span("query", "mail", parent="take1"),
    span("send2", "mail", parent="take1", kind="client"),
    span("take2", "bill", parent="send2", kind="server"),
]


def rows(told: list[EventStory], spans: list[ReceivedSpan], event_id: str = "e1") -> list[list[str]]:
    """The names of spans and the apps of steps, as the timeline of the event has them."""
    story = next(each for each in told if each.event.event_id == event_id)
    found = spans_of(told, spans).by_event[event_id]
    steps = [list(passage.steps) for passage in story.passages]
    return among(
        story.passages, found, lambda each: each.name,
        lambda passage, step: f"{steps[passage][step].hop.app_id}: {steps[passage][step].hop.kind.value}",
    )  # fmt: skip


def test_spans_of_one_trace_go_to_their_events_whatever_the_clocks_say() -> None:
    told = two_events()
    first = [["request", "send1", "api: stored", "take1", "query", "mail: delivered"]]
    second = [["send2", "mail: stored", "take2", "bill: delivered"]]
    for seed in range(20):
        rng = random.Random(seed)
        spans = [each._replace(began=rng.uniform(0, 9_999)) for each in SPANS]
        spans.sort(key=lambda each: each.began)
        siblings = {each.name: each.began for each in spans}
        assert rows(told, spans) == first
        assert rows(told, spans, "e2") == second
        assert siblings.keys() == {each.name for each in SPANS}


def test_the_tree_of_a_conversation_has_the_event_of_each_span() -> None:
    def flat(nodes: list[SpanNode], depth: int = 0) -> list[tuple[int, str, str]]:
        return [
            row
            for node in nodes
            for row in [(depth, node.span.name, node.event_id), *flat(list(node.children), depth + 1)]
        ]

    assert flat(list(spans_of(two_events(), SPANS).tree)) == [
        (0, "request", ""),
        (1, "send1", "e1"),
        (2, "take1", "e1"),
        (3, "query", "e1"),
        (3, "send2", "e2"),
        (4, "take2", "e2"),
    ]


def test_what_a_span_says_of_its_message_counts_for_more_than_its_parent() -> None:
    spans = [*SPANS, span("process", "mail", parent="take1", message_id="e2")]
    assert "process" not in rows(two_events(), spans)[0]
    assert "process" in rows(two_events(), spans, "e2")[0]


def test_a_link_joins_a_span_of_another_trace() -> None:
    made = (TRACE, SPANS[1].span_id)
    spans = [span("process", "mail", kind="consumer", trace="1" * 32, links=[made])]
    spans += [span("below", "mail", parent="process", trace="1" * 32)]
    assert rows(two_events(), spans) == [["api: stored", "process", "below", "mail: delivered"]]
    assert spans_asked(two_events()) == ({TRACE}, {"e1", "e2"})


def test_each_attempt_has_its_own_span_by_their_order_alone() -> None:
    told = stories(
        [
            traced(hop(STORED), "send1"),
            hop(DELIVERED, app_id="mail", outcome="RETRY", attempt=1),
            hop(HopKind.RETRIED, app_id="mail"),
            hop(DELIVERED, app_id="mail", outcome="SUCCESS", attempt=2),
        ]
    )
    spans = [
        span("again", parent="send1", kind="server", at=2.0),
        span("first", parent="send1", kind="server", at=1.0),
        span("work1", parent="first"),
        span("handle1", parent="send1", kind="consumer", at=1.1),
        span("handle2", parent="send1", kind="consumer", at=2.1),
        span("third", parent="send1", kind="server", at=3.0),
    ]
    assert rows(told, spans) == [
        ["api: stored", "first", "work1", "handle1", "mail: delivered", "mail: retried",
         "again", "handle2", "third", "mail: delivered"]
    ]  # fmt: skip


def test_an_app_that_no_hop_tells_of_stands_behind_the_others() -> None:
    told = stories([traced(hop(STORED), "send1")])
    assert rows(told, [span("there", "stranger", parent="send1", kind="server")]) == [
        ["api: stored", "there"]
    ]


def test_of_a_span_whose_parent_is_not_known_the_trace_tells_where_that_is_enough() -> None:
    lost = span("lost", "bill", parent="unknown", kind="server")
    assert "lost" in rows(two_events(), [lost], "e2")[0]
    nobody = span("nobody", "stranger", parent="unknown")
    assert spans_of(two_events(), [nobody]).tree[0].event_id == ""
    assert all("nobody" not in row for name in ("e1", "e2") for row in rows(two_events(), [nobody], name))


def test_two_events_of_one_span_both_have_what_led_to_them() -> None:
    told = stories([traced(hop(STORED, "e1"), "send1"), traced(hop(STORED, "e2"), "send1")])
    spans = [span("request", "api", kind="server"), span("send1", "api", parent="request")]
    for name in ("e1", "e2"):
        assert rows(told, spans, name) == [["request", "send1", "api: stored"]]


def test_an_app_that_takes_what_it_published_has_both_sides() -> None:
    told = stories([traced(hop(STORED), "send1"), hop(DELIVERED, app_id="api", outcome="SUCCESS")])
    spans = [span("send1", "api", kind="client"), span("wire", "api", parent="send1", kind="client")]
    spans += [span("take", "api", parent="send1", kind="server"), span("work", "api", parent="take")]
    assert rows(told, spans) == [["send1", "wire", "api: stored", "take", "work", "api: delivered"]]


def test_spans_that_are_their_own_ancestors_are_counted_and_not_shown() -> None:
    spans = [
        span("a", parent="b"),
        span("b", parent="a"),
        span("self", parent="self"),
        span("good", parent="send1"),
    ]
    found = spans_of(two_events(), spans)
    assert [node.span.name for node in found.tree] == ["good"]
    assert found.left_out == 3


def test_a_trace_of_any_depth_and_length_is_taken_and_what_is_left_out_is_told() -> None:
    deep = [span(f"d{n}", parent=f"d{n - 1}" if n else "send1") for n in range(3_000)]
    found = spans_of(two_events(), deep)
    assert found.left_out == 1_000
    assert len(found.by_event["e1"].after) == 2_000
