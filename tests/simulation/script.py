"""What is to happen in a run, as far as its apps decide it: events, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from simulation.loop import Process
from simulation.tools import APPLIERS

__all__ = [
    "KINDS",
    "KINDS_TO_PARK",
    "KINDS_TO_REPLAY",
    "NAME",
    "Entry",
    "Script",
    "drawn_script",
    "time_events",
]

KEYS: Final = ("amber", "birch", "cedar")
KINDS: Final = {"good": 84, "poison": 6, "misfit": 4, "refused": 6}
"""What events become, of a hundred."""
KINDS_TO_PARK: Final = {"good": 40, "poison": 6, "misfit": 4, "refused": 50}
KINDS_TO_REPLAY: Final = {"good": 50, "poison": 26, "misfit": 14, "refused": 10}
NAME: Final = "the daily one"


@dataclass(slots=True)
class Entry:
    """An event that is to be staged. `kind` is what becomes of it: good, poison, misfit or refused.

    It is due so many seconds `after`, `expires` after so many, and has a dedupe `name`. With `cancels`, the
    one that waits with this name is cancelled before it is staged.
    """

    number: int
    key: str
    kind: str
    after: float | None = None
    expires: float | None = None
    name: str | None = None
    cancels: str | None = None


@dataclass(slots=True)
class Script:
    """What the services are to do, whichever of them comes first: transactions, each of some events."""

    transactions: list[tuple[list[Entry], bool]] = field(default_factory=list)
    """The events, and whether they are rolled back."""
    failing: dict[tuple[str, int], int] = field(default_factory=dict)
    """How often an applier fails at the event of a number."""
    long_work: set[int] = field(default_factory=set)
    """The numbers of events that take longer than a group waits for a member."""
    writers: list[Process] = field(default_factory=list)
    """Those that are in the midst of a transaction."""
    mended_at: float = float("inf")
    """When the appliers can apply poison that is replayed."""
    misdirected: list[str] = field(default_factory=list)
    """What an applier was given of a replay for another one."""


def drawn_script(random: Random, kinds: Mapping[str, int]) -> Script:
    """One of `kinds` of events, of a hundred."""
    script, number = Script(), 0
    for _ in range(random.randint(3, 7)):
        entries = []
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            number += 1
            kind = random.choices([*kinds], [*kinds.values()])[0]
            entries.append(Entry(number, random.choice(KEYS), kind))
            for name in APPLIERS:
                if random.random() < 0.15:
                    script.failing[name, number] = random.randint(1, 2)
            if random.random() < 0.05:
                script.long_work.add(number)
        script.transactions.append((entries, random.random() < 0.12))
    return script


def time_events(script: Script, random: Random) -> None:
    """Have some events wait for a time, expire, stand for one another, or cancelled."""
    for entries, _ in script.transactions:
        for entry in entries:
            if entry.kind != "good":
                continue
            drawn = random.random()
            if drawn < 0.12:
                entry.after = random.uniform(0.3, 5.0)
            elif drawn < 0.24:
                entry.expires = random.uniform(0.5, 6.0)
            elif drawn < 0.5:
                entry.name, entry.after = NAME, random.choice((None, random.uniform(0.3, 2.0)))
            if random.random() < 0.25:
                entry.cancels = NAME
