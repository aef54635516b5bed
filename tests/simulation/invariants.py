"""What has to be true at the end of a run, whatever was done to it. The numbers are those of the design.

1   what is committed is on the broker, and each of that is applied or dead
2   no id of a transaction that was rolled back is on the broker
3   each id is applied once
4   the order in which ids of a key come first to the broker, and are applied, is that of the commits
6   the payload is what was staged
7   the dead letters are exactly the poison
8   the outbox is empty, and no lease is left behind; what an operator has had tried again is not parked by a
    refusal that is older
10  duplicates on the broker are at most the faults times what was in flight
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Committed", "Evidence", "violations"]

IN_FLIGHT: Final = 256
POISON: Final = frozenset({"poison", "misfit"})


@dataclass(frozen=True, slots=True)
class Committed:
    """An event as its transaction has staged it."""

    id: str
    key: str
    data: Any

    @property
    def is_poison(self) -> bool:
        return self.data["kind"] in POISON


@dataclass(slots=True)
class Evidence:
    """What is there at the end.

    `committed` are in the order of the commits, `wire` in that of their arrival at the broker, and `applied`
    (by applier) in that of their commits. `dead` are the ids of the dead letters of each applier. `undone`
    are the ids of events that were parked although an operator had had them tried again.
    """

    committed: list[Committed] = field(default_factory=list)
    wire: list[Committed] = field(default_factory=list)
    applied: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    dead: dict[str, list[str]] = field(default_factory=dict)
    stored: int = 0
    leases: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    faults: int = 0
    errors: list[str] = field(default_factory=list)
    unfinished: str = ""


def violations(seen: Evidence) -> list[str]:
    """What is not true; empty where all is."""
    found = [f"an unexpected error: {error}" for error in seen.errors]
    if seen.unfinished:
        found.append(f"it has not come to its end: {seen.unfinished}")
    found += _of_the_broker(seen)
    for name, applied in seen.applied.items():
        found += _of_an_applier(seen, name, applied)
    if seen.stored:
        found.append(f"8: {seen.stored} events are left in the outbox")
    found += [f"8: a lease of {lease} is left" for lease in seen.leases]
    found += [f"8: {each} was parked by a refusal that is older than its retry" for each in seen.undone]
    return found


def _of_the_broker(seen: Evidence) -> list[str]:
    staged = {event.id: event for event in seen.committed}
    on_wire = [event.id for event in seen.wire]
    found = [f"1: {each} was committed, and is not on the broker" for each in _missing(staged, on_wire)]
    for event in seen.wire:
        origin = staged.get(event.id)
        if origin is None:
            found.append(f"2: {event.id} is on the broker, and was not committed")
        elif (origin.data, origin.key) != (event.data, event.key):
            found.append(f"6: {event.id} is not what was staged")
    found += _disorder("broker", seen.committed, [(event.id, event.key) for event in seen.wire])
    duplicates = len(on_wire) - len(set(on_wire))
    if duplicates > seen.faults * IN_FLIGHT:
        found.append(f"10: {duplicates} duplicates on the broker, after {seen.faults} faults")
    return found


def _of_an_applier(seen: Evidence, name: str, applied: Sequence[tuple[str, str]]) -> list[str]:
    ids = [each for each, _ in applied]
    poison = {event.id for event in seen.committed if event.is_poison}
    dead = set(seen.dead.get(name, ()))
    good = [event.id for event in seen.committed if not event.is_poison]
    found = [f"1: {each} was not applied by {name}" for each in _missing(good, ids)]
    found += [
        f"3: {each} was applied {ids.count(each)} times by {name}"
        for each in sorted(set(ids))
        if ids.count(each) > 1
    ]
    found += [f"3: {each}, which nobody committed, was applied by {name}" for each in _missing(ids, good)]
    found += [f"7: {each} is poison, and no dead letter of {name}" for each in _missing(sorted(poison), dead)]
    found += [
        f"7: {each} is a dead letter of {name}, and no poison" for each in _missing(sorted(dead), poison)
    ]
    found += _disorder(name, seen.committed, applied)
    return found


def _missing(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    known = set(there)
    return [each for each in wanted if each not in known]


def _disorder(where: str, committed: Sequence[Committed], seen: Iterable[tuple[str, str]]) -> list[str]:
    """Of each key, whether the events came first in the order of the commits."""
    place = {event.id: number for number, event in enumerate(committed)}
    last: dict[str, int] = {}
    known: set[str] = set()
    found = []
    for each, key in seen:
        if each in known or each not in place:
            continue
        known.add(each)
        if place[each] < last.get(key, -1):
            found.append(f"4: {each} of key {key} came to {where} after a later one")
        last[key] = max(place[each], last.get(key, -1))
    return found


def committed_in(statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Committed]:
    """The events that a transaction has staged, in their order."""
    found = []
    for statement, parameters in statements:
        if statement.startswith("INSERT INTO outboard_outbox ("):
            names = [name.strip(' "') for name in statement.partition("(")[2].partition(")")[0].split(",")]
            row = dict(zip(names, parameters, strict=True))
            found.append(event_of(bytes(row["body"]), row["key"]))
    return found


def event_of(body: bytes, key: str) -> Committed:
    """What a CloudEvent in JSON says."""
    members = json.loads(body)
    return Committed(members["id"], key, members["data"])
