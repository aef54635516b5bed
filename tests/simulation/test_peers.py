"""What peers do to consumers that trust them: each of it often, and nothing else goes wrong."""

from collections import Counter

import pytest

from simulation.broker import PEERS
from simulation.run import run

SEEDS = range(6)


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
