"""Which events the record keeps where there are too many."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.hops.files.sampling import (
    BURST,
    PER_SECOND,
    SamplingBudget,
    is_kept,
    kept,
    lasting_id,
    ones_in,
)


@given(event_id=st.text(), few=st.integers(0, 10), more=st.integers(0, 10))
def test_who_keeps_fewer_keeps_none_that_others_do_not(event_id: str, few: int, more: int) -> None:
    if is_kept(event_id, 2 ** (few + more)):
        assert is_kept(event_id, 2**few)


@given(ids=st.lists(st.text()), power=st.integers(0, 10))
def test_many_are_chosen_as_one_is(ids: list[str], power: int) -> None:
    assert kept(ids, 2**power) == [n for n, each in enumerate(ids) if is_kept(each, 2**power)]


def test_what_has_no_id_is_kept() -> None:
    assert is_kept("", 2**20)


@pytest.mark.parametrize(("hops", "most", "one_in"), [(0, 0, 1), (5, 5, 1), (6, 5, 2), (100, 5, 32)])
def test_as_many_are_kept_as_may_be(hops: int, most: float, one_in: int) -> None:
    assert ones_in(hops, most) == one_in


def test_a_burst_is_kept_whole_and_then_as_many_as_cost_little() -> None:
    budget = SamplingBudget()
    assert budget.one_in(BURST, 1.0) == 1
    budget.spend(BURST)
    assert budget.one_in(100, 1.0) == 1
    budget.spend(100)
    assert budget.one_in(20_000, 1.0) == 256
    budget.spend(80)
    assert budget.one_in(20_000, 1.0) == 256  # 120 are too few for twice as many


def test_after_a_burst_as_many_are_kept_as_if_it_went_on() -> None:
    budget = SamplingBudget()
    assert budget.one_in(BURST, 0.1) == 1
    budget.spend(BURST)
    assert budget.one_in_next(BURST, 0.1) == 32  # of 2,000 a second, 100
    assert budget.one_in_next(10, 0.1) == 1
    assert budget.one_in_next(1, 0.0) == 16  # what came in no time at all


def test_what_is_saved_has_an_end() -> None:
    budget = SamplingBudget()
    assert budget.one_in(BURST + 1, 3_600.0) == 2


def test_the_event_of_a_person_is_kept_beside_as_many_others_as_a_process_can_take() -> None:
    numbers = count()
    event_id = lasting_id(lambda: f"e{next(numbers)}")
    assert is_kept(event_id, ones_in(400_000, PER_SECOND))
    assert not any(is_kept(f"e{number}", 2**12) for number in range(int(event_id[1:])))
