"""What a run was asked to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MUTANTS", "Settings"]

MUTANTS = ("no-inbox",)
"""What can be broken, to see that a run finds it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`gap` is the time between two faults, in seconds; the bounds are those of invariants 9 and 11."""

    kills: int
    events: int
    keys: int
    database: str
    broker: str
    seed: int
    gap: float
    drain_seconds: float = 30.0
    stop_seconds: float = 10.0
    mutant: str = ""
