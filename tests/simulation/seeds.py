"""What the tests of seeds share: chunks of them, and a failure that says how to see it again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from simulation.run import run

__all__ = ["CHUNK", "check", "chunks"]

CHUNK: Final = 25


def chunks(first: int, count: int) -> list[int]:
    """Where each chunk begins."""
    return list(range(first, first + count, CHUNK))


def check(seeds: Iterable[int]) -> None:
    """Raises AssertionError for the first that has shown something."""
    for seed in seeds:
        outcome = run(seed)
        replay = f"python3 dev.py simulate --seed {seed} --trace"
        assert not outcome.violations, "\n".join(
            [f"seed {seed}; replay it with: {replay}", *outcome.violations]
        )
