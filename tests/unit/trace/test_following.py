"""Which lines `outboard trace --follow` adds, from hops as they come."""

from __future__ import annotations

import pytest

from outboard.hops.record import EventIdentity, Hop, HopKind
from outboard.trace.following import MOST_REMEMBERED, LiveSteps
from outboard.trace.text import live_line

K = HopKind


def hop(kind: HopKind, part: str, event_id: str = "1", **more: object) -> Hop:
    made = Hop(kind, 1_000.0, "shop", "kafka", "orders", EventIdentity(event_id), part=part)
    return made._replace(**more)  # type: ignore[arg-type]


PUBLISHED = hop(K.PUBLISHED, "kit")
STORED = hop(K.STORED, "sidecar", partition="0", offset="7")
NOWHERE = hop(K.STORED, "sidecar")
HANDLED = hop(K.HANDLED, "kit", outcome="SUCCESS", attempt=1)
DELIVERED = hop(K.DELIVERED, "sidecar", outcome="SUCCESS", attempt=1)
AGAIN = hop(K.HANDLED, "kit", outcome="RETRY")
REFUSED = hop(K.DELIVERED, "sidecar", outcome="RETRY", attempt=1)


def said(*looks: list[Hop]) -> list[str]:
    """The ends of the lines that each look adds."""
    live = LiveSteps()
    lines = [live_line(step).text for look in looks for step in live.of(look)]
    return [line.partition("  orders  ")[2] for line in lines]


HAS_IT = "published to orders; the broker has it"
PLACE = f"{HAS_IT} (partition 0, offset 7)"


@pytest.mark.parametrize(
    ("looks", "lines"),
    [
        ([[PUBLISHED, STORED]], [PLACE]),
        ([[STORED, PUBLISHED]], [PLACE]),
        ([[PUBLISHED], [STORED]], ["published to orders", PLACE]),
        ([[STORED], [PUBLISHED]], [PLACE]),
        ([[PUBLISHED], [NOWHERE]], ["published to orders"]),
        ([[HANDLED, DELIVERED]], ["attempt 1: SUCCESS"]),
        ([[HANDLED], [DELIVERED]], ["attempt 1: SUCCESS"]),
        ([[DELIVERED], [HANDLED]], ["attempt 1: SUCCESS"]),
        ([[PUBLISHED, STORED, HANDLED, DELIVERED]], [PLACE, "attempt 1: SUCCESS"]),
    ],
)
def test_what_two_record_of_a_step_is_told_once(looks: list[list[Hop]], lines: list[str]) -> None:
    assert said(*looks) == lines


def test_each_attempt_is_told() -> None:
    looks = [AGAIN, REFUSED], [HANDLED, REFUSED._replace(outcome="SUCCESS", attempt=2)]
    assert said(*looks) == ["attempt 1: RETRY", "attempt 2: SUCCESS"]
    assert said([HANDLED, HANDLED], [DELIVERED]) == ["attempt 1: SUCCESS"] * 2  # the sidecar was killed


@pytest.mark.parametrize(
    "other",
    [
        DELIVERED._replace(app_id="mail"),
        DELIVERED._replace(topic="orders-dead"),
        DELIVERED._replace(event=EventIdentity("2")),
        DELIVERED._replace(outcome="RETRY"),
        DELIVERED._replace(part="kit", kind=K.HANDLED),
    ],
)
def test_what_is_another_step_is_told(other: Hop) -> None:
    assert len(LiveSteps().of([HANDLED, other])) == 2


def test_events_without_an_id_are_never_taken_for_one() -> None:
    nameless = [each._replace(event=EventIdentity()) for each in (HANDLED, DELIVERED)]
    assert len(LiveSteps().of(nameless)) == 2


def test_what_was_told_is_forgotten_after_many_others() -> None:
    live = LiveSteps()
    live.of([HANDLED])
    live.of([hop(K.HANDLED, "kit", f"other {number}") for number in range(MOST_REMEMBERED)])
    assert len(live.of([DELIVERED])) == 1
    assert live.of([hop(K.DELIVERED, "sidecar", f"other {MOST_REMEMBERED - 1}", outcome="")]) == []
