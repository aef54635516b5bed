"""Which faults come, in which order: decided before anything starts, by a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["LEASE_AND_MORE", "Fault", "FaultKind", "Possible", "possible_faults", "schedule"]

LEASE_AND_MORE: Final = 34.0
"""Seconds: a relay's lease is 30."""
OTHERS_PER_KILL: Final = 0.6


class FaultKind(StrEnum):
    """What happens."""

    KILL = "SIGKILL"
    FREEZE = "SIGSTOP"
    STOP = "SIGTERM"
    CUT = "answers cut"
    TERMINATE = "sessions terminated"
    FULL = "disk full"


@dataclass(frozen=True, slots=True)
class Possible:
    """A fault that can be; `seconds` is how long it lasts, from the shortest to the longest."""

    kind: FaultKind
    victim: str
    seconds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fault:
    """One that comes: the `number`-th."""

    number: int
    kind: FaultKind
    victim: str
    seconds: float


def possible_faults(database: str, broker: str, *, disk_full: bool = True) -> list[Possible]:
    """Of a system with these engines, on a machine where a process can be told that its disk is full.

    SQLite and `pubsub.sqlite` have no process of their own: the death of the database is that of all who have
    the file open, and frozen means that somebody keeps its lock.
    """
    programs = ("relay-1", "relay-2", "ledger-1", "ledger-2", "sidecar-0", "sidecar-1", "sidecar-2")
    killed = (*programs, "a worker of ledger-1", "a writer", "broker", "database")
    found = [Possible(FaultKind.KILL, victim, (0.0, 1.5)) for victim in killed]
    found += [Possible(FaultKind.STOP, victim, (0.0, 0.5)) for victim in ("relay-2", "ledger-1", "sidecar-1")]
    found += [Possible(FaultKind.CUT, victim, (0.0, 0.0)) for victim in ("publishing", "delivery") * 2]
    found.append(Possible(FaultKind.FREEZE, "a relay", (LEASE_AND_MORE, LEASE_AND_MORE)))
    found += [Possible(FaultKind.FREEZE, victim, (11.0, 13.0)) for victim in ("ledger-2", "sidecar-2")]
    found += [Possible(FaultKind.FREEZE, victim, (6.0, 8.0)) for victim in ("broker", "database")]
    full = ["a writer", "relay-1", "database", "sidecar-0" if broker == "sqlite" else "broker"]
    found += [Possible(FaultKind.FULL, victim, (3.0, 5.0)) for victim in full if disk_full]
    if database == "postgresql":
        found.append(Possible(FaultKind.TERMINATE, "database", (0.0, 0.0)))
    return found


def schedule(kills: int, seed: int, possible: Sequence[Possible]) -> list[Fault]:
    """`kills` times SIGKILL, and other faults between: all that are possible come before one comes again."""
    random_ = random.Random(f"faults {seed}")
    killing = _turns(random_, [each for each in possible if each.kind is FaultKind.KILL])
    others = _turns(random_, [each for each in possible if each.kind is not FaultKind.KILL])
    chosen = [next(killing) for _ in range(kills)]
    chosen += [next(others) for _ in range(round(kills * OTHERS_PER_KILL))]
    # Mixed in blocks, so that the first of the longer faults come early, and their end is not the run's.
    kinds = sorted(range(len(chosen)), key=lambda index: _spread(index, kills, len(chosen), random_))
    return [
        Fault(number, chosen[index].kind, chosen[index].victim, random_.uniform(*chosen[index].seconds))
        for number, index in enumerate(kinds, 1)
    ]


def _spread(index: int, kills: int, count: int, random_: random.Random) -> float:
    """Where the fault of `index` comes, from 0 to 1: kills and others evenly over the run."""
    of, place = (kills, index) if index < kills else (count - kills, index - kills)
    return (place + random_.random()) / of


def _turns(random_: random.Random, items: Sequence[Possible]) -> Iterator[Possible]:
    """Each of `items` in turn, in an order that is new each time."""
    while True:
        yield from random_.sample(items, len(items))
