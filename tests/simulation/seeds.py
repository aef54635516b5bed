"""What the tests of seeds share: how many there are, chunks of them, and how a failure is seen again.

`OUTBOARD_SEEDS` says how many; without it they are few, for whoever is in a hurry.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

__all__ = ["CHUNK", "FEW", "SEEDS", "check", "chunks", "told"]

VARIABLE: Final = "OUTBOARD_SEEDS"
FEW: Final = 60
MANY: Final = 2_000
SEEDS: Final = int(os.environ.get(VARIABLE) or FEW)
CHUNK: Final = 15
FILES: Final = 4
"""Of tests, so that several processes of pytest-xdist can share the seeds."""


def chunks(part: int) -> list[int]:
    """Where each chunk begins of those that are for file `part` of the four, which count from 0."""
    return list(range(0, SEEDS, CHUNK))[part::FILES]


def told() -> str:
    """How many seeds are run, and how to run more."""
    more = "" if SEEDS >= MANY else f"; {VARIABLE}={MANY} runs as many as CI does"
    return f"simulation: {SEEDS} seeds{more}"


def check(first: int) -> None:
    """Run the chunk that begins there. Raises AssertionError for the first seed that has shown something."""
    _check(range(first, min(first + CHUNK, SEEDS)))


def _check(seeds: Iterable[int]) -> None:
    from simulation.run import run  # only now: how many there are is asked without it

    for seed in seeds:
        outcome = run(seed)
        replay = f"python3 dev.py simulate --seed {seed} --trace"
        assert not outcome.violations, "\n".join(
            [f"seed {seed}; replay it with: {replay}", *outcome.violations]
        )
