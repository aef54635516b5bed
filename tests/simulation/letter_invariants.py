"""What has to be true of dead letters that are collected, and of what is published of them again. Pure.

18  each dead letter on its topic is kept, once for each app and event, and is replayed at the end
19  what is published again is the event: its id and key, and its data, or those that somebody gave it
20  it is for the app that failed, and no other one handles it
21  whoever publishes a letter has it for himself; one that was replayed is not again, until it failed again;
    where programs are only asked to stop, none is published more often than it failed
22  groups are of one app and one cause, and count what is in them

That each is applied once by whoever had failed, and nothing is lost in between, are 1 and 3: with letters,
poison counts as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulation.operating import mended

__all__ = ["KeptLetter", "LetterEvidence", "PublishedAgain", "violations_of_letters"]

LATE: Final = frozenset({"stop", "stop after commit", "stop after answer", "delivered late",
                         "delivered twice", "clock", "slow", "broker slow"})  # fmt: skip
"""By these what somebody has published comes to the broker when he no longer has it for himself."""


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A row of the table."""

    app_id: str
    event_id: str
    state: str
    failures: int


@dataclass(frozen=True, slots=True)
class PublishedAgain:
    """What came to the broker, for the app `to`. `is_owned` where the letter was that replay's just then."""

    event_id: str
    key: str
    data: Any
    to: str
    is_owned: bool


@dataclass(slots=True)
class LetterEvidence:
    """What is there at the end.

    `staged` are key and data of each poison, by its id. `dead` counts the letters on the topic by app and
    event. `again` are letters that were taken although they were replayed, or another one had them.
    `misdirected` is what an app handled of a replay for another one. `groups` are app and count of each, as
    the shipped code tells them.
    """

    staged: Mapping[str, tuple[str, Any]]
    dead: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: list[KeptLetter] = field(default_factory=list)
    published: list[PublishedAgain] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    misdirected: list[str] = field(default_factory=list)
    groups: list[tuple[str, int]] | None = None
    harm: frozenset[str] = frozenset()
    only_stops: bool = False


def violations_of_letters(seen: LetterEvidence) -> list[str]:
    """What is not true; empty where all is."""
    found = [*_of_what_is_kept(seen), *_of_what_is_published(seen)]
    found += [f"20: {each}" for each in seen.misdirected]
    found += [f"21: {each}" for each in seen.again]
    if seen.groups is not None:
        wanted = sorted(_counts(seen))
        if sorted(seen.groups) != wanted:
            found.append(f"22: groups are told to be {sorted(seen.groups)}, and are {wanted}")
    return found


def _of_what_is_kept(seen: LetterEvidence) -> list[str]:
    rows = Counter((each.app_id, each.event_id) for each in seen.kept)
    found = [
        f"18: the dead letter of {app} for {event} is kept {rows[app, event]} times"
        for app, event in sorted({*seen.dead, *rows})
        if rows[app, event] != 1
    ]
    for each in seen.kept:
        there = seen.dead[each.app_id, each.event_id]
        if not 1 <= each.failures <= there:
            found.append(f"18: {each.event_id} has failed {each.failures} times at {each.app_id}, "
                         f"of which there are {there} letters")  # fmt: skip
        if each.state != "replayed":
            found.append(f"18: {each.event_id} of {each.app_id} is {each.state} at the end")
    return found


def _of_what_is_published(seen: LetterEvidence) -> list[str]:
    found = []
    for each in seen.published:
        key, data = seen.staged.get(each.event_id, ("", None))
        if each.key != key or each.data not in (data, mended(data)):
            found.append(f"19: {each.event_id} was published again as {each.data} of key {each.key!r}")
        if not seen.dead[each.to, each.event_id]:
            found.append(f"20: {each.event_id} was published again for {each.to!r}, which has not failed")
        if not each.is_owned and not seen.harm & LATE:
            found.append(f"21: {each.event_id} was published again by somebody who had not taken it")
    counts = Counter((each.to, each.event_id) for each in seen.published)
    if seen.only_stops:
        found += [
            f"21: {event} was published {count} times for {app}, and failed {seen.dead[app, event]} times"
            for (app, event), count in counts.items()
            if count > seen.dead[app, event]
        ]
    return found


def _counts(seen: LetterEvidence) -> list[tuple[str, int]]:
    """Of each app and each kind of poison how many events there are."""
    counts = Counter((app, seen.staged[event][1]["kind"]) for app, event in seen.dead if event in seen.staged)
    return [(app, count) for (app, _), count in counts.items()]
