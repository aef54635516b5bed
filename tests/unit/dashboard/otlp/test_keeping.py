"""Which spans are kept, and what they are found by."""

from __future__ import annotations

from outboard.dashboard.otlp.keeping import SpanStore
from support.spans import TRACE, span

OTHER = "1" * 32


def test_spans_are_found_by_trace_link_message_and_conversation_with_the_rest_of_their_trace() -> None:
    store = SpanStore()
    first = span("first")
    linked = span("linked", trace=OTHER, links=[(TRACE, "0" * 16)])
    beside = span("beside", trace=OTHER)
    named = span("named", trace="2" * 32, message_id="e1")
    talk = span("talk", trace="3" * 32, conversation_id="c")
    store.add([first, linked, beside, named, talk, span("else", trace="4" * 32)])
    assert store.about({TRACE}) == [first, linked, beside]
    assert store.about((), {"e1"}) == [named]
    assert store.about((), (), "c") == [talk]
    assert store.about((), {"", "nothing"}, "") == []


def test_a_span_that_is_sent_again_is_one() -> None:
    store = SpanStore()
    store.add([span("a", status="old"), span("a", status="new")])
    assert [each.status for each in store.about({TRACE})] == ["new"]


def test_the_last_spans_are_kept() -> None:
    store = SpanStore(most=3)
    store.add(span(f"s{n}", trace=f"{n:032x}", message_id=f"e{n}") for n in range(10))
    assert len(store) == 3
    assert [each.name for each in store.about(f"{n:032x}" for n in range(10))] == ["s7", "s8", "s9"]
    assert store.about((), {"e1"}) == []


def test_of_long_spans_fewer_are_kept() -> None:
    store = SpanStore(characters=10_000)
    store.add(span(f"s{n}", attributes=[("a", "x" * 3_000)]) for n in range(10))
    assert [each.name for each in store.about({TRACE})] == ["s8", "s9"]
    store.add([span("huge", attributes=[("a", "x" * 20_000)])])
    assert len(store) == 0


def test_nothing_is_left_of_what_is_forgotten() -> None:
    store = SpanStore(most=1)
    store.add([span("a", message_id="e", conversation_id="c", links=[(OTHER, ""), (OTHER, "")])])
    store.add([span("b", trace="5" * 32)])
    assert store.about({TRACE, OTHER}, {"e"}, "c") == []
    assert set(store._places) == {name for name in store._places if name[1] == "5" * 32}
