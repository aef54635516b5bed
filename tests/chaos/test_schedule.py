from __future__ import annotations

import pytest

from chaos.schedule import LEASE_AND_MORE, FaultKind, possible_faults, schedule
from outboard.kit.outbox.partitions import LEASE_SECONDS

ALL = possible_faults("postgresql", "kafka")


def test_a_seed_names_one_schedule() -> None:
    assert schedule(15, 7, ALL) == schedule(15, 7, ALL)
    assert schedule(15, 7, ALL) != schedule(15, 8, ALL)


@pytest.mark.parametrize("kills", [1, 15, 500])
def test_there_are_as_many_kills_as_were_asked_for_and_other_faults_between(kills: int) -> None:
    faults = schedule(kills, 1, ALL)
    assert sum(fault.kind is FaultKind.KILL for fault in faults) == kills
    assert [fault.number for fault in faults] == list(range(1, len(faults) + 1))


def test_fifteen_kills_meet_everybody() -> None:
    wanted = {each.victim for each in ALL if each.kind is FaultKind.KILL}
    assert {fault.victim for fault in schedule(15, 3, ALL) if fault.kind is FaultKind.KILL} == wanted


def test_a_frozen_relay_outlives_its_lease() -> None:
    assert LEASE_AND_MORE > LEASE_SECONDS


def test_sessions_are_terminated_where_there_are_some() -> None:
    assert FaultKind.TERMINATE not in {each.kind for each in possible_faults("sqlite", "sqlite")}
    assert FaultKind.TERMINATE in {each.kind for each in ALL}
