"""What to say where no recorded event fits: which part of the question none fits, and what there is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from outboard.hops.selection import Selection, near
from outboard.hops.story import EventStory

__all__ = ["NoEventFound", "left_out", "no_conversation", "no_event", "nothing_fits"]

EMPTY: Final = "The record is empty: no app that keeps one has published or received an event."
MOST_NAMES: Final = 10


@dataclass(frozen=True, slots=True)
class NoEventFound:
    """Nothing fits; `hints` say what there is."""

    problem: str
    hints: Sequence[str]


def nothing_fits(selection: Selection, every: Sequence[EventStory]) -> NoEventFound:
    """Of `every` event of the record none is what `selection` asks for."""
    topics = Counter(passage.topic for story in every for passage in story.passages)
    keys = Counter(story.event.key for story in every if story.event.key)
    apps = Counter(app for story in every for app in {step.hop.app_id for step in story.steps})
    asked = (
        (selection.topic, "lay on the topic", "topics", topics),
        (selection.key, "has the key", "keys", keys),
        (selection.app_id, "was published by the app, or given to it:", "apps", apps),
    )
    for wanted, what, kind, names in asked:
        if wanted and wanted not in names:
            return NoEventFound(f"no recorded event {what} {wanted}", _meant(wanted, kind, names, every))
    well = [story for story in every if selection.failed and replace(selection, failed=False).takes(story)]
    if well:
        told = (
            "The one event that fits otherwise" if len(well) == 1 else f"All {len(well)} that fit otherwise"
        )
        return NoEventFound("no recorded event failed", [f"{told} went well."])
    return NoEventFound("no recorded event fits", _there_is("topics", topics, every))


def no_event(wanted: str, every: Sequence[EventStory]) -> NoEventFound:
    """No event has the id `wanted`, or more than one begins with it."""
    ids = list(dict.fromkeys(story.event.event_id for story in every))
    beginnings = [each for each in ids if each.startswith(wanted)]
    if len(beginnings) > 1:
        told = ", ".join(beginnings[:MOST_NAMES])
        return NoEventFound(f"{len(beginnings)} events begin with {wanted}", [f"Write more of it: {told}."])
    hints = [f"Did you mean {each}?" for each in near(wanted, ids)]
    topics = Counter(passage.topic for story in every for passage in story.passages)
    return NoEventFound(f"no hop of event {wanted} is recorded", hints or _there_is("topics", topics, every))


def left_out(event_id: str) -> NoEventFound:
    """The event is recorded, and is none of those that are asked for besides."""
    problem = f"the other options leave out the event {event_id}, which is recorded"
    return NoEventFound(problem, [f"Ask for it alone: outboard trace {event_id}"])


def no_conversation(wanted: str, every: Sequence[EventStory]) -> NoEventFound:
    """`wanted` is neither the id of a conversation nor that of an event."""
    ids = sorted({story.event.correlation_id for story in every} - {""})
    hints = [f"Did you mean {each}?" for each in near(wanted, ids)]
    topics = Counter(passage.topic for story in every for passage in story.passages)
    problem = f"no recorded event belongs to the conversation {wanted}"
    return NoEventFound(problem, hints or _there_is("topics", topics, every))


def _meant(wanted: str, kind: str, names: Counter[str], every: Sequence[EventStory]) -> list[str]:
    return [f"Did you mean {each}?" for each in near(wanted, sorted(names))] or _there_is(kind, names, every)


def _there_is(kind: str, names: Counter[str], every: Sequence[EventStory]) -> list[str]:
    """What a person could ask for instead."""
    if not every:
        return [EMPTY]
    if not names:
        return [f"It has {_counted(every)}, none with {kind}."]
    told = ", ".join(f"{name} ({count})" for name, count in names.most_common(MOST_NAMES))
    more = len(names) - MOST_NAMES
    of = f"the {kind} {told}" + (f" and {more} more" if more > 0 else "")
    return [f"It has {_counted(every)}, of {of if len(names) > 1 else f'the {kind[:-1]} {told}'}."]


def _counted(every: Sequence[EventStory]) -> str:
    return "1 event" if len(every) == 1 else f"{len(every)} events"
