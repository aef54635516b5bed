from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.components.sqlite.log.assignment import AssignmentPlan, plan

MEMBERS = st.sets(st.integers(1, 20), min_size=1, max_size=6)
OWNERS = st.lists(st.none() | st.integers(1, 25), min_size=1, max_size=20).map(
    lambda held: dict(enumerate(held))
)


def test_one_member_gets_all() -> None:
    assert plan(7, {7}, {0: None, 1: None}) == AssignmentPlan(frozenset({0, 1}), frozenset())


def test_what_the_dead_held_is_claimed() -> None:
    assert plan(7, {7, 9}, {0: 3, 1: 3, 2: 7, 3: 9}) == AssignmentPlan(frozenset({0}), frozenset())


def test_what_another_alive_holds_is_not_claimed_until_it_leaves() -> None:
    owners: dict[int, int | None] = {0: 7, 1: 7}

    assert plan(9, {7, 9}, owners) == AssignmentPlan(frozenset(), frozenset())
    assert plan(7, {7, 9}, owners) == AssignmentPlan(frozenset(), frozenset({1}))
    assert plan(9, {7, 9}, {**owners, 1: None}) == AssignmentPlan(frozenset({1}), frozenset())


@given(members=MEMBERS, owners=OWNERS)
def test_no_two_claim_the_same_and_nobody_takes_from_the_living(
    members: set[int], owners: dict[int, int | None]
) -> None:
    claims = [partition for member in members for partition in plan(member, members, owners).claim]

    assert len(claims) == len(set(claims))
    assert all(owners[partition] not in members for partition in claims)


@given(members=MEMBERS, owners=OWNERS)
def test_after_all_have_left_and_claimed_every_partition_has_one_owner_and_shares_are_even(
    members: set[int], owners: dict[int, int | None]
) -> None:
    for member in members:
        owners |= dict.fromkeys(plan(member, members, owners).leave)
    for member in members:
        owners |= dict.fromkeys(plan(member, members, owners).claim, member)

    held = [list(owners.values()).count(member) for member in members]
    assert sum(held) == len(owners)
    assert max(held) - min(held) <= 1
