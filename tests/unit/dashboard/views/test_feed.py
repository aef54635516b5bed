"""Events as their hops come: rows, conversations, and how many are kept."""

from __future__ import annotations

from outboard.dashboard.views.feed import EventFeed
from outboard.dashboard.views.filters import EventFilter, WantedOutcome
from outboard.dashboard.views.rows import RowState
from outboard.hops.record import Hop, HopKind
from support.dashboard import hop

STORED, DELIVERED = HopKind.STORED, HopKind.DELIVERED


def filled(*hops: Hop) -> EventFeed:
    feed = EventFeed()
    feed.add(hops)
    return feed


def test_the_newest_event_stands_first_whichever_file_was_read_first() -> None:
    feed = filled(hop(STORED, "late", at=30), hop(STORED, "early", at=10), hop(STORED, "middle", at=20))
    assert [row.event_id for row in feed.rows()] == ["late", "middle", "early"]


def test_a_row_changes_with_each_hop() -> None:
    feed = filled(hop(STORED, key="7"))
    (row,) = feed.rows()
    assert (row.publisher, row.takers, row.key, row.state) == ("api", (), "7", RowState.WAITING)
    feed.add([hop(DELIVERED, app_id="mail", at=1_001, outcome="RETRY", attempt=1, detail="no server")])
    feed.add([hop(DELIVERED, app_id="mail", at=1_002, outcome="SUCCESS", attempt=2)])
    (row,) = feed.rows()
    assert (row.takers, row.state, row.troubled, row.attempts) == (("mail",), RowState.WELL, True, 2)
    assert row.told == "mail handled it at attempt 2"


def test_events_may_come_while_rows_are_looked_at() -> None:
    feed = filled(hop(STORED, "a", at=1), hop(STORED, "b", at=2))
    rows = feed.rows()
    assert next(rows).event_id == "b"
    feed.add([hop(STORED, "c", at=3)])
    assert [row.event_id for row in rows] == ["a"]


def test_the_version_changes_with_hops_alone() -> None:
    feed = EventFeed()
    feed.add([])
    assert feed.version == 0
    feed.add([hop(STORED)])
    assert feed.version == 1


def test_no_more_events_are_kept_than_asked_and_the_oldest_go() -> None:
    feed = EventFeed(most=3)
    for number in range(10):
        feed.add([hop(STORED, f"e{number}", at=number, correlation="c" if number < 8 else "d")])
    assert [row.event_id for row in feed.rows()] == ["e9", "e8", "e7"]
    assert [story.event.event_id for story in feed.conversation("c")] == ["e7"]
    assert feed.stories_of("e0") == []


def test_a_conversation_has_the_events_with_its_id() -> None:
    feed = filled(
        hop(STORED, "a", correlation="c"),
        hop(STORED, "b", correlation="c", at=1_001),
        hop(STORED, "x", correlation="d"),
    )
    assert [story.event.event_id for story in feed.conversation("c")] == ["a", "b"]
    assert feed.conversation("nobody's") == []


def test_the_beginning_of_an_id_is_enough_where_one_alone_begins_so() -> None:
    feed = filled(hop(STORED, "abcd"), hop(STORED, "abef"))
    assert (feed.whole_id("abc"), feed.whole_id("ab"), feed.whole_id(""), feed.whole_id("x")) == (
        "abcd",
        "",
        "",
        "",
    )


def test_a_hop_without_an_id_is_counted_and_is_no_event() -> None:
    feed = filled(hop(STORED, ""))
    assert (len(feed), feed.hops_without_id) == (0, 1)


def rows_of(feed: EventFeed, **asked: str) -> list[str]:
    return [row.event_id for row in feed.rows() if EventFilter.of(asked).takes(row)]


def test_each_filter_takes_what_it_asks_for() -> None:
    feed = filled(
        hop(STORED, "well", key="1", correlation="c", at=1),
        hop(DELIVERED, "well", app_id="mail", outcome="SUCCESS", at=2),
        hop(STORED, "bad", topic="bills", at=3),
        hop(DELIVERED, "bad", app_id="books", topic="bills", outcome="DROP", at=4),
        hop(STORED, "new", at=5, data='{"Title": "Milk & <b>"}'),
    )  # fmt: skip
    assert rows_of(feed) == ["new", "bad", "well"]
    assert rows_of(feed, topic="bills") == ["bad"]
    assert rows_of(feed, app="mail") == ["well"]
    assert rows_of(feed, app="api") == ["new", "bad", "well"]
    assert rows_of(feed, key="1") == ["well"]
    assert rows_of(feed, correlation="c") == ["well"]
    assert rows_of(feed, outcome="well") == ["well"]
    assert rows_of(feed, outcome="failed") == ["bad"]
    assert rows_of(feed, outcome="waiting") == ["new"]
    assert rows_of(feed, outcome="troubled") == ["bad"]
    assert rows_of(feed, text="mILK & <B>") == ["new"]
    assert rows_of(feed, text="milk", topic="bills") == []


def test_a_filter_lives_in_an_address() -> None:
    wanted = EventFilter(topic="a & b", outcome=WantedOutcome.FAILED, paused=True)
    assert wanted.query == "?topic=a+%26+b&outcome=failed&paused=1"
    assert EventFilter.of({"topic": "a & b", "outcome": "failed", "paused": "1"}) == wanted
    assert EventFilter().query == ""
    assert EventFilter.of({"outcome": "<script>", "other": "1"}) == EventFilter()
    assert not EventFilter(paused=True).narrows
    assert wanted.but(paused=False).query == "?topic=a+%26+b&outcome=failed"
