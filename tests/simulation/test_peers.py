"""One kind of fault often, and nothing else goes wrong: what peers do to those that trust them, and stops."""

from collections import Counter

import pytest

from simulation.broker import PEERS
from simulation.run import run
from simulation.world import STOPS, STOPS_BESIDE

SEEDS = range(6)
SEEDS_OF_STOPS = 26


@pytest.mark.timeout(300)
@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_at_fault_loses_nothing_and_has_nothing_applied_twice(peer: str) -> None:
    faults = Counter[str]()
    for seed in SEEDS:
        outcome = run(seed, only=peer)
        replay = f"python3 dev.py simulate --seed {seed} --only '{peer}' --trace"
        assert not outcome.violations, "\n".join([f"replay it with: {replay}", *outcome.violations])
        faults.update(outcome.faults)
    assert faults[peer] >= len(SEEDS) and set(faults) == {peer}


@pytest.mark.timeout(300)
def test_programs_that_are_asked_to_stop_send_nothing_twice() -> None:
    faults = Counter[str]()
    for seed in range(SEEDS_OF_STOPS):
        outcome = run(seed, only=STOPS)
        replay = f"python3 dev.py simulate --seed {seed} --only {STOPS} --trace"
        assert not outcome.violations, "\n".join([f"replay it with: {replay}", *outcome.violations])
        faults.update(outcome.faults)
    assert faults[STOPS] >= SEEDS_OF_STOPS and set(faults) == {STOPS, STOPS_BESIDE}
