"""Which member of a group has which partition. Pure: all members reckon the same from the same rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["AssignmentPlan", "plan"]


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """What one member has to do: partitions to `claim`, and those it holds that are another's to `leave`."""

    claim: frozenset[int]
    leave: frozenset[int]


def plan(member: int, members: Collection[int], owners: Mapping[int, int | None]) -> AssignmentPlan:
    """Partitions go round to `members`, those that are alive, in the order of their ids.

    Only what nobody alive holds can be claimed: its holder leaves it first, once its handlers are done.
    """
    order = sorted(members)
    share = {partition for partition in owners if order[partition % len(order)] == member}
    free = {partition for partition, owner in owners.items() if owner not in members}
    held = {partition for partition, owner in owners.items() if owner == member}
    return AssignmentPlan(frozenset(share & free), frozenset(held - share))
