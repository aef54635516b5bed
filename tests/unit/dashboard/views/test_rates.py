"""How many events went where."""

from __future__ import annotations

from outboard.dashboard.views.rates import KEPT, WINDOW, Direction, FlowCount, FlowEdge, RateCounters
from outboard.hops.record import HopKind
from support.dashboard import hop

PUBLISHED = FlowEdge(Direction.PUBLISHED, "api", "pubsub", "orders")


def counts(counters: RateCounters, now: float) -> dict[FlowEdge, FlowCount]:
    return {count.edge: count for count in counters.counts(now)}


def test_what_kit_and_sidecar_tell_of_one_event_counts_once() -> None:
    counters = RateCounters()
    for second in range(20):
        counters.add(hop(HopKind.STORED, at=100.0 + second))
        counters.add(hop(HopKind.PUBLISHED, at=100.0 + second, part="kit"))
    found = counts(counters, 120.9)[PUBLISHED]
    assert (found.total, found.failed, found.rate) == (20, 0, 1.0)


def test_the_rate_is_of_the_last_seconds_and_falls_to_nothing() -> None:
    counters = RateCounters()
    for _ in range(50):
        counters.add(hop(HopKind.STORED, at=100.5))
    assert counts(counters, 101.0)[PUBLISHED].rate == 50 / WINDOW
    assert counts(counters, 100.9)[PUBLISHED].rate == 0  # that second is not over
    assert counts(counters, 111.0)[PUBLISHED].rate == 0
    assert counts(counters, 111.0)[PUBLISHED].total == 50


def test_failures_and_dead_letters_are_told_apart() -> None:
    counters = RateCounters()
    counters.add(hop(HopKind.DELIVERED, app_id="mail", outcome="RETRY"))
    counters.add(hop(HopKind.DELIVERED, app_id="mail", outcome="SUCCESS"))
    counters.add(hop(HopKind.DEAD_LETTERED, app_id="mail", topic="orders-dead"))
    counters.add(hop(HopKind.RETRIED, app_id="mail"))
    found = counts(counters, 0)
    delivered = found[FlowEdge(Direction.DELIVERED, "mail", "pubsub", "orders")]
    assert (delivered.total, delivered.failed) == (2, 1)
    assert FlowEdge(Direction.GIVEN_UP, "mail", "pubsub", "orders-dead") in found
    assert len(found) == 2


def test_old_seconds_are_forgotten_and_the_total_is_not() -> None:
    counters = RateCounters()
    for second in range(10 * KEPT):
        counters.add(hop(HopKind.STORED, at=float(second)))
    (parts,) = counters._seen.values()
    assert all(len(seen.by_second) <= 2 * KEPT for seen in parts.values())
    found = counts(counters, 10.0 * KEPT)[PUBLISHED]
    assert (found.total, found.rate) == (10 * KEPT, 1.0)
