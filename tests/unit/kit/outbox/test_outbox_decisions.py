"""What to publish, when to wait and what an answer means: all of it without I/O."""

from __future__ import annotations

import pytest

from outboard.errors import (
    EventTooLarge,
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    SidecarError,
    SidecarUnavailable,
    TokenRejected,
)
from outboard.kit.client.port import Publication
from outboard.kit.outbox.backlog import LANE_EVENTS, SHORT_LANE, Backlog
from outboard.kit.outbox.failures import CLOSED, PublishOutcome, backoff, outcome_of, reason_of
from outboard.kit.outbox.ledger import PAGE_SECONDS, UNSETTLED_EVENTS, Ledger
from outboard.kit.outbox.partitions import (
    LEASE_SECONDS,
    NO_LEASE,
    PARTITIONS,
    RENEWAL_SECONDS,
    Lease,
    lane_of,
    partition_of,
)
from outboard.kit.outbox.port import StoredEvent


def failed(status: int, code: str = "ERR", reason: str = "no") -> PublishFailed:
    return PublishFailed("p", "t", status, code, reason)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, PublishOutcome.DELIVERED),
        (PublishForbidden("p", "t", "no"), PublishOutcome.REFUSED),
        (EventTooLarge("p", "t", 2, 1), PublishOutcome.REFUSED),
        (failed(400), PublishOutcome.REFUSED),
        (failed(413), PublishOutcome.REFUSED),
        (failed(500, reason="kafka server: Message was too large"), PublishOutcome.REFUSED),
        (failed(400, "ERR_PUBSUB_NOT_CONFIGURED"), PublishOutcome.FAILED),
        (failed(500), PublishOutcome.FAILED),
        (failed(429), PublishOutcome.FAILED),
        (failed(404), PublishOutcome.FAILED),
        (SidecarUnavailable("a", "o", 1.0, "r"), PublishOutcome.UNREACHABLE),
        (TokenRejected("a"), PublishOutcome.UNREACHABLE),
        (PubSubNotFound("p"), PublishOutcome.UNREACHABLE),
    ],
)
def test_only_its_own_fault_parks_an_event(error: SidecarError | None, expected: PublishOutcome) -> None:
    assert outcome_of(error) is expected


def test_a_reason_can_be_written_down() -> None:
    text = reason_of(failed(400, reason="a\0b" + "x" * 1000))
    assert "\0" not in text
    long = reason_of(failed(400, reason="ä\ud800" * 10_000))
    assert 8 * 1024 - 3 <= len(long.encode()) <= 8 * 1024
    assert long.endswith("…")


def test_a_reason_is_kept_as_the_author_allows() -> None:
    error = failed(400, reason="of ann@example.org")
    assert "ann" not in reason_of(error, lambda text: text.replace("ann@example.org", "***"))

    def fails(text: str) -> str:
        raise LookupError(text)

    assert reason_of(error, fails) == "(not kept: redact raised LookupError)"


def test_pauses_double_up_to_a_minute_with_full_jitter() -> None:
    assert [backoff(times, 1.0) for times in (1, 2, 3, 8, 10, 10_000)] == [0.2, 0.4, 0.8, 25.6, 60.0, 60.0]
    assert backoff(5, 0.0) == 0.0
    assert backoff(2, 0.5) == pytest.approx(0.2)


def test_an_outage_opens_the_breaker_at_once_and_failures_do_after_three() -> None:
    assert CLOSED.failed(10.0, 1.0, outage=True).until == pytest.approx(10.2)
    breaker = CLOSED
    for _ in range(2):
        breaker = breaker.failed(10.0, 1.0, outage=False)
        assert breaker.allows(10.0)
    assert breaker.failed(10.0, 1.0, outage=False).is_open(10.1)


def test_what_fails_together_counts_once() -> None:
    opened = CLOSED.failed(10.0, 1.0, outage=True)
    assert opened.failed(10.1, 1.0, outage=True) == opened


def test_one_event_finds_out_whether_it_is_over() -> None:
    opened = CLOSED.failed(10.0, 1.0, outage=True)
    assert not opened.allows(10.1)
    assert opened.allows(10.3)
    probing = opened.admitted()
    assert not probing.allows(10.3)
    again = probing.failed(10.3, 1.0, outage=True)
    assert again.until == pytest.approx(10.7)
    for _ in range(20):
        again = again.failed(again.until or 0.0, 1.0, outage=True)
    before = again.until or 0.0
    assert (again.failed(before, 1.0, outage=True).until or 0.0) - before == pytest.approx(10.0)


def test_a_key_has_one_lane_and_its_topic_counts() -> None:
    assert lane_of("p", "t", "k", "1") == lane_of("p", "t", "k", "2")
    others = [("p", "u", "k"), ("q", "t", "k"), ("p", "t", "l"), ("p", "t", None), ("pt", "", "k")]
    lanes = {lane_of(*other, "k") for other in [("p", "t", "k"), *others]}
    assert len(lanes) == 6
    assert all(-(2**63) <= lane < 2**63 for lane in lanes)


def test_rows_of_older_versions_keep_their_partition() -> None:
    assert lane_of("pubsub", "tasks", "42", "e") == 6759796664224385867
    assert partition_of(6759796664224385867) == 11
    assert {partition_of(lane) for lane in range(-50, 50)} == set(range(PARTITIONS))


def test_a_lease_ends_with_its_time() -> None:
    lease = Lease(frozenset({3}), 100.0)
    assert lease.covers(3, 100.0 + LEASE_SECONDS - 0.1)
    assert not lease.covers(3, 100.0 + LEASE_SECONDS)
    assert not lease.covers(4, 100.0)
    assert lease.is_due(100.0 + RENEWAL_SECONDS)
    assert not lease.is_due(99.9 + RENEWAL_SECONDS)
    assert NO_LEASE.is_due(0.0)
    assert not lease.without([3]).covers(3, 100.0)


def staged(sequence: int, lane: int) -> StoredEvent:
    return StoredEvent(sequence, lane, partition_of(lane), f"e-{sequence}", Publication("p", "t", b"{}"))


def test_a_lane_gives_one_event_after_the_other() -> None:
    backlog = Backlog()
    backlog.add([staged(1, 7), staged(2, 7), staged(3, 8)])
    assert backlog.idle_lanes == [7, 8]
    backlog.start(7)
    backlog.add([staged(1, 7), staged(4, 7)])
    backlog.advance(7)
    head = backlog.head(7)
    assert head is not None
    assert head.sequence == 2
    assert backlog.idle_lanes == [8]
    assert backlog.held == {1, 2, 3, 4}, "delivered, but not deleted"
    backlog.settled([1])
    backlog.stop(7)
    assert backlog.held == {2, 3, 4}
    assert backlog.idle_lanes == [8, 7]


def test_a_blocked_lane_takes_nothing_until_it_is_written_down_why() -> None:
    backlog = Backlog()
    backlog.add([staged(1, 7), staged(2, 7)])
    backlog.start(7)
    backlog.block(7)
    backlog.stop(7)
    backlog.add([staged(3, 7)])
    assert backlog.idle_lanes == []
    assert backlog.held == {1, 2}
    backlog.settled([1])
    backlog.unblock([7])
    assert backlog.held == frozenset()
    backlog.add([staged(3, 7)])
    assert backlog.idle_lanes == [7]


def test_only_idle_lanes_are_forgotten() -> None:
    backlog = Backlog()
    backlog.add([staged(1, 7), staged(2, 8)])
    backlog.start(7)
    backlog.keep(lambda _: False)
    assert backlog.held == {1}


def test_a_busy_lane_leaves_room() -> None:
    backlog = Backlog()
    backlog.add([staged(number, 7) for number in range(LANE_EVENTS)])
    assert backlog.full_lanes == [7]
    backlog.start(7)
    for _ in range(LANE_EVENTS - SHORT_LANE):
        assert not backlog.is_short(7)
        backlog.advance(7)
    assert not backlog.is_short(7)
    backlog.advance(7)
    assert backlog.is_short(7)
    assert backlog.is_short(8), "which has none left"


@pytest.mark.parametrize("end", ["delivered", "refused", "postponed", "unanswered"])
def test_every_end_of_an_event_gives_its_place_back(end: str) -> None:
    ledger, events = Ledger(), [staged(number, number) for number in range(UNSETTLED_EVENTS)]
    for _ in events:
        assert not ledger.is_full
        ledger.sent()
    assert ledger.is_full
    for event in events:
        match end:
            case "delivered":
                ledger.delivered(event)
            case "refused":
                ledger.refused(event, "no")
            case "postponed":
                ledger.postponed(event, 1.0, "later")
            case _:
                ledger.unanswered(event)
    assert ledger.is_full == (end != "unanswered"), "until it is written down"
    page = ledger.turn()
    assert len(page.settlement) == (0 if end == "unanswered" else UNSETTLED_EVENTS)
    assert page.lanes == (set() if end == "delivered" else {event.lane for event in events})
    ledger.written()
    assert not ledger.is_full


def test_what_could_not_be_written_comes_before_what_is_later() -> None:
    ledger = Ledger()
    for number in (1, 2):
        ledger.sent()
        ledger.delivered(staged(number, number))
        if number == 1:
            page = ledger.turn()
    ledger.not_written(page)
    assert ledger.turn().settlement.delivered == [1, 2]


def test_a_busy_lane_is_written_down_page_by_page() -> None:
    ledger, first, second = Ledger(), staged(1, 1), staged(2, 2)
    ledger.sent()
    ledger.sent()
    ledger.delivered(first)
    assert ledger.has_more
    assert not ledger.is_due(PAGE_SECONDS / 2), "more is under way"
    assert ledger.is_due(PAGE_SECONDS)
    ledger.turn()
    ledger.written()
    assert not ledger.is_due(PAGE_SECONDS), "there is nothing to be written"
    ledger.postponed(second, 1.0, "no leader")
    assert ledger.is_due(0.0), "nothing is under way, and its lane waits"


def test_a_lane_that_waits_is_not_kept_waiting_by_others() -> None:
    ledger = Ledger()
    for _ in range(2):
        ledger.sent()
    ledger.unanswered(staged(1, 1))
    assert ledger.is_due(0.0)
