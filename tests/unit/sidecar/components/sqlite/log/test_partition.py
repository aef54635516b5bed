from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.components.port import Message
from outboard.sidecar.components.sqlite.log.events import LogEvent, Wanted
from outboard.sidecar.components.sqlite.log.partition import Partition
from outboard.sidecar.components.sqlite.log.position import Position


def events(*offsets: int) -> list[LogEvent]:
    return [LogEvent(offset, Message(str(offset).encode())) for offset in offsets]


def offsets(taken: list[LogEvent]) -> list[int]:
    return [event.offset for event in taken]


def filled(*numbers: int, capacity: int = 8) -> Partition:
    partition = Partition(3, Position(0), capacity)
    partition.add(events(*numbers), more=False)
    return partition


def test_it_begins_behind_what_is_committed() -> None:
    partition = Partition(0, Position(41), 8)

    assert partition.wanted == Wanted(41, 8)
    assert partition.fresh
    assert not partition.ready


def test_what_was_read_is_not_read_again_and_room_is_bounded() -> None:
    partition = filled(2, 5, 9, 12)

    assert partition.wanted == Wanted(12, 4)
    partition.add(events(13), more=True)
    assert partition.wanted is None
    assert partition.fresh


def test_one_run_is_in_hand_at_a_time() -> None:
    partition = filled(2, 5, 9)

    assert offsets(partition.take(2)) == [2, 5]
    assert partition.busy
    assert not partition.ready
    assert not partition.settle([True, True])
    assert partition.committed == 5
    assert offsets(partition.take(9)) == [9]


def test_what_failed_stays_in_front_and_what_was_settled_behind_it_does_not_come_again() -> None:
    partition = filled(2, 5, 9, 11, 20)
    partition.take(4)

    assert partition.settle([True, False, True, False])

    assert partition.committed == 4
    assert offsets(partition.take(9)) == [5, 11, 20]


def test_failures_count_for_the_first_event_only() -> None:
    partition = filled(2, 5)
    partition.take(1)
    partition.settle([False])
    partition.failures = 3
    partition.take(2)

    partition.settle([True, False])

    assert partition.failures == 0


def test_a_skipped_event_is_passed() -> None:
    partition = filled(2, 5)
    partition.take(2)
    partition.settle([False, False])

    assert partition.skip().offset == 2
    assert partition.committed == 4
    assert offsets(partition.take(2)) == [5]


def test_nothing_is_taken_while_it_is_held_or_leaving() -> None:
    partition = filled(2)
    partition.held = True
    assert not partition.ready
    partition.held, partition.leaving = False, True
    assert not partition.ready
    assert partition.wanted is None


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), max_size=30))
def test_nothing_unsettled_is_ever_committed_and_order_holds(outcomes: list[list[bool]]) -> None:
    partition = filled(*range(1, 101), capacity=200)
    settled: set[int] = set()
    for wanted in outcomes:
        taken = partition.take(len(wanted))
        assert offsets(taken) == sorted(offsets(taken))
        partition.settle(wanted[: len(taken)])
        settled |= {event.offset for event, done in zip(taken, wanted, strict=False) if done}

        assert set(range(1, partition.committed + 1)) <= settled
    left = offsets(partition.take(200))
    assert sorted({*left, *settled}) == list(range(1, 101))
    assert not {*left} & settled


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=6), max_size=30),
    st.sets(st.integers(min_value=0, max_value=29)),
)
def test_whoever_goes_on_gets_all_that_is_not_settled_and_nothing_that_is(
    outcomes: list[list[bool]], taken_over: set[int]
) -> None:
    """Also where what has failed is more than is taken at once, and where one follows upon another."""
    log = events(*range(3, 300, 3))  # what lies between is of other partitions
    partition, settled = Partition(0, Position(0), 40), set[int]()
    for step, wanted in enumerate(outcomes):
        if step in taken_over:
            partition = Partition(0, partition.position, 40)
        if partition.readable and (read := partition.wanted):
            found = [event for event in log if event.offset > read.after][: read.count]
            partition.add(found, more=len(found) == read.count)
        taken = partition.take(len(wanted))
        assert not {*offsets(taken)} & settled
        if taken:
            partition.settle(wanted[: len(taken)])
        settled |= {event.offset for event, done in zip(taken, wanted, strict=False) if done}
        said = partition.position
        known = {e.offset for e in log if e.offset <= said.committed} | {
            e.offset for e in log if e.offset <= said.reached and e.offset not in said.unsettled
        }
        assert (
            known if not said.is_plain else {e.offset for e in log if e.offset <= said.committed}
        ) == settled


def test_what_a_person_gives_up_does_not_come_again() -> None:
    partition = filled(2, 5, 9)
    partition.take(2)
    partition.settle([False, True])
    partition.held, partition.failures = True, 3

    assert not partition.give_up(5), "it is not the first"
    assert partition.give_up(2)

    assert (partition.held, partition.failures, partition.position) == (False, 0, Position(5))
    assert offsets(partition.take(9)) == [9]


def test_what_is_being_handled_is_given_up_later() -> None:
    partition = filled(2, 5)
    partition.take(1)

    assert not partition.give_up(2)
    assert partition.given_up == 2


def test_the_newest_event_follows_what_was_read() -> None:
    partition = filled(2, 5)

    assert [partition.follow(event) for event in events(5, 6)] == [False, False]
    assert offsets(partition.take(9)) == [2, 5, 6]
    assert not partition.fresh
    assert partition.wanted == Wanted(6, 5)


def test_one_that_has_nothing_else_is_told() -> None:
    empty = filled()

    assert [empty.follow(event) for event in events(1, 2)] == [True, False]
    assert offsets(empty.take(9)) == [1, 2]


def test_what_does_not_follow_is_left_to_be_read() -> None:
    fresh, full, leaving = Partition(0, Position(0), 8), filled(1, 2, capacity=2), filled(1)
    leaving.leaving = True
    (event,) = events(3)
    assert not any(partition.follow(event) for partition in (fresh, full, leaving))
    assert [partition.fresh for partition in (fresh, full, leaving)] == [True, True, True]
    assert offsets(full.take(9)) == [1, 2]
    assert not fresh.ready
    assert (fresh.readable, full.readable, leaving.readable) == (True, False, False)
