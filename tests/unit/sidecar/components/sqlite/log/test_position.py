from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.components.sqlite.log.position import (
    MOST_UNSETTLED,
    Position,
    offsets_as_text,
    offsets_from_text,
)


def test_where_all_is_settled_the_offset_says_it_all() -> None:
    assert Position.behind([], 9) == Position(9)
    assert Position(9).is_plain


def test_the_first_that_is_not_settled_is_what_comes_next() -> None:
    assert Position.behind([4, 7], 9) == Position(3, (4, 7), 9)


def test_it_ends_with_the_last_that_was_given() -> None:
    assert Position.behind([4, 12], 9).reached == 12


def test_no_more_is_remembered_than_has_room_and_nothing_counts_as_settled_that_is_not() -> None:
    position = Position.behind(range(10, 10_000, 2), 20_000)

    assert len(position.unsettled) == MOST_UNSETTLED
    assert position.reached == 10 + 2 * MOST_UNSETTLED - 1


def test_what_is_passed_is_settled_with_all_before_it() -> None:
    position = Position(3, (4, 7), 9)

    assert position.passed(3) == position
    assert position.passed(4) == Position(6, (7,), 9)
    assert position.passed(7) == Position(9)
    assert Position(3).passed(5) == Position(5)


@given(st.sets(st.integers(min_value=1)))
def test_offsets_are_read_as_they_were_written(offsets: set[int]) -> None:
    assert offsets_from_text(offsets_as_text(sorted(offsets))) == tuple(sorted(offsets))
