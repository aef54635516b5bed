"""Which events the record keeps where there are too many."""

from __future__ import annotations

from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.hops.files.sampling import (
    BURST,
    PER_SECOND,
    SamplingBudget,
    is_kept,
    joined,
    kept,
    lasting_id,
    ones_in,
)

UUIDS = st.uuids(version=4).map(str)
LIKE_UUIDS = st.from_regex(r"[0-9a-z\-\n]{8}[-x]....[-x][45]...[-x]....[-x]\w{11}[\w\ud800]", fullmatch=True)
IDS = st.text() | UUIDS | UUIDS.map(str.upper) | LIKE_UUIDS


@given(event_id=IDS, few=st.integers(0, 10), more=st.integers(0, 10))
def test_who_keeps_fewer_keeps_none_that_others_do_not(event_id: str, few: int, more: int) -> None:
    if is_kept(event_id, 2 ** (few + more)):
        assert is_kept(event_id, 2**few)


@given(ids=st.lists(IDS) | st.lists(UUIDS, min_size=8), power=st.integers(0, 10))
def test_many_are_chosen_as_one_is(ids: list[str], power: int) -> None:
    assert kept(ids, 2**power, joined(ids)) == [n for n, each in enumerate(ids) if is_kept(each, 2**power)]


@given(ids=st.lists(UUIDS, min_size=8, max_size=20))
def test_random_uuids_are_put_together(ids: list[str]) -> None:
    names = joined(ids)
    assert names is not None
    assert names.decode().split("\n") == ids


@given(
    ids=st.lists(UUIDS, min_size=8, max_size=20),
    other=st.text() | st.uuids(version=1).map(str),
    at=st.integers(0, 9),
)
def test_but_none_with_another_id_among_them(ids: list[str], other: str, at: int) -> None:
    assert joined([*ids[:at], other, *ids[at:]]) is None


def named(number: int, kind: str) -> str:
    if kind == "time":  # of which the end is always the same
        return str(UUID(int=number >> 64 << 64 | 0x8123456789ABCDEF, version=1))
    random = str(UUID(int=number, version=4))
    return {"uuid": random, "UUID": random.upper(), "order": f"order-{number >> 96}-created"}[kind]


@pytest.mark.parametrize("power", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("kind", ["uuid", "UUID", "time", "order"])
def test_of_any_kind_of_ids_one_of_so_many_is_kept(power: int, kind: str) -> None:
    many, multiplier = 2**12, 0x9E3779B97F4A7C15F39CC0605CEDC835
    names = [named(number * multiplier % 2**128, kind) for number in range(1, many + 1)]
    found = sum(is_kept(name, 2**power) for name in names)
    assert many / 2**power * 0.5 <= found <= many / 2**power * 1.5


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
    assert budget.one_in(20_000, 1.0) == 1_024  # 32 of them at most
    budget.spend(20)
    assert budget.one_in(20_000, 1.0) == 512  # 12 are left, and 32 more


def test_after_a_burst_as_many_are_kept_as_if_it_went_on() -> None:
    budget = SamplingBudget()
    assert budget.one_in(BURST, 0.1) == 1
    budget.spend(BURST)
    assert budget.one_in_next(BURST, 0.1) == 64  # of 2,000 a second, 32
    assert budget.one_in_next(BURST, 0.2) == 16  # of 1,000 a second, 100
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
