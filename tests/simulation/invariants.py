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
11  where programs are only asked to stop, there are none; whatever their database refuses meanwhile

And of events that wait for a time, or stand for one another:

14  none is on the broker before it is due
15  one that expires was sent by that time, or is gone after it, and not before
16  where one is staged with a dedupe key, an event with that key waits at the commit
17  what was cancelled is not on the broker
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

__all__ = ["Committed", "Evidence", "violations"]

IN_FLIGHT: Final = 256
SLACK: Final = 2
"""Milliseconds, of the arithmetic of databases."""
LATEST: Final = 25_000
"""Milliseconds of a publish that began in time, where nobody is stopped and nothing comes late."""
DELAYING: Final = frozenset({"stop", "stop after commit", "stop after answer", "delivered late",
                             "delivered twice", "clock"})  # fmt: skip
POISON: Final = frozenset({"poison", "misfit"})


@dataclass(frozen=True, slots=True)
class Committed:
    """An event as its transaction has staged it. Times are the database's, in milliseconds since 1970."""

    id: str
    key: str
    data: Any
    due_at: int = 0
    expires_at: int | None = None

    @property
    def is_poison(self) -> bool:
        return self.data["kind"] in POISON


@dataclass(slots=True)
class Evidence:
    """What is there at the end.

    `committed` are in the order of the commits, `wire` in that of their arrival at the broker, and `applied`
    (by applier) in that of their commits. `dead` are the ids of the dead letters of each applier. `undone`
    are the ids of events that were parked although an operator had had them tried again. `arrived` is when
    each of `wire` did, `gone` when one that expires was in the outbox no more, and `unguarded` are dedupe
    keys with which events were staged when none waited at the commit. `harm` are the kinds of faults that
    happened, and `only_stops` says that nobody can have had a reason to send anything twice. `with_letters`
    poison is applied, too: once its dead letter is replayed, behind events that came later.
    """

    committed: list[Committed] = field(default_factory=list)
    wire: list[Committed] = field(default_factory=list)
    applied: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    dead: dict[str, list[str]] = field(default_factory=dict)
    stored: int = 0
    leases: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    unguarded: list[str] = field(default_factory=list)
    harm: frozenset[str] = frozenset()
    only_stops: bool = False
    with_letters: bool = False
    faults: int = 0
    errors: list[str] = field(default_factory=list)
    unfinished: str = ""

    def had_to_leave(self, event: Committed, on_wire: Collection[str]) -> bool:
        """Whether `event` was to be published: one that expires need not be, nor one that was cancelled."""
        return event.id in on_wire or (event.expires_at is None and event.id not in self.cancelled)


def violations(seen: Evidence) -> list[str]:
    """What is not true; empty where all is."""
    found = [f"an unexpected error: {error}" for error in seen.errors]
    if seen.unfinished:
        found.append(f"it has not come to its end: {seen.unfinished}")
    found += _of_the_broker(seen)
    found += _of_times(seen)
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
    wanted = [event.id for event in seen.committed if seen.had_to_leave(event, frozenset(on_wire))]
    found = [f"1: {each} was committed, and is not on the broker" for each in _missing(wanted, on_wire)]
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
    if duplicates and seen.only_stops:
        found.append(f"11: {duplicates} duplicates on the broker, where programs were only asked to stop")
    return found


def _of_times(seen: Evidence) -> list[str]:
    first: dict[str, int] = {}
    for event, when in zip(seen.wire, seen.arrived, strict=True):
        first.setdefault(event.id, when)
    found = [f"16: staged with {key}, and none with it waited at the commit" for key in seen.unguarded]
    found += [f"17: {each} was cancelled, and is on the broker" for each in sorted(seen.cancelled & {*first})]
    for event in seen.committed:
        at = first.get(event.id)
        if at is not None and at < event.due_at - SLACK:
            found.append(f"14: {event.id} was on the broker {event.due_at - at} ms before it was due")
        if event.expires_at is not None:
            found += _of_expiry(seen, event, event.expires_at, at)
    return found


def _of_expiry(seen: Evidence, event: Committed, until: int, at: int | None) -> list[str]:
    if at is None:
        gone = seen.gone.get(event.id, until)
        if gone < until - SLACK and event.id not in seen.cancelled:
            return [f"15: {event.id} was gone {until - gone} ms before it expired, and never sent"]
    elif at > until + LATEST and not seen.harm & DELAYING:
        return [f"15: {event.id} was sent {at - until} ms after it had expired"]
    return []


def _of_an_applier(seen: Evidence, name: str, applied: Sequence[tuple[str, str]]) -> list[str]:
    ids = [each for each, _ in applied]
    poison = {event.id for event in seen.committed if event.is_poison}
    dead = set(seen.dead.get(name, ()))
    ordered = [event for event in seen.committed if not event.is_poison]
    good = [event.id for event in (seen.committed if seen.with_letters else ordered)]
    on_wire = {event.id for event in seen.wire}
    sent = [event.id for event in seen.committed if seen.had_to_leave(event, on_wire)]
    wanted = [each for each in good if each in set(sent)]
    found = [f"1: {each} was not applied by {name}" for each in _missing(wanted, ids)]
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
    found += _disorder(name, ordered, applied)
    return found


def _missing(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    known = set(there)
    return [each for each in wanted if each not in known]


def _disorder(where: str, committed: Sequence[Committed], seen: Iterable[tuple[str, str]]) -> list[str]:
    """Of each key, whether the events came first in the order of the commits: those that had no time."""
    place = {event.id: number for number, event in enumerate(committed) if not event.due_at}
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
            event = event_of(bytes(row["body"]), row["key"])
            found.append(replace(event, due_at=row["due_at"], expires_at=row["expires_at"]))
    return found


def event_of(body: bytes, key: str) -> Committed:
    """What a CloudEvent in JSON says."""
    members = json.loads(body)
    return Committed(members["id"], key, members["data"])
