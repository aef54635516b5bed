"""What somebody asks of the record, and the answer as values. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from outboard.hops.conversation import EventNode, causes, consequences, conversation
from outboard.hops.files.lines import Note, SampledOut
from outboard.hops.record import Hop
from outboard.hops.selection import Selection, near
from outboard.hops.story import EventStory, stories

__all__ = ["EventsFound", "NoEventFound", "Question", "answer", "hops_taken", "notes_told"]

SHORTEST: Final = 4
"""So many characters of an id, or more, may stand for all of it."""


@dataclass(frozen=True, slots=True)
class Question:
    """`selection` says which events; `conversation` asks for the tree of all that have that id, or that of
    the event of that id, `causes` for the ancestors of the one event that is asked for.
    """

    selection: Selection
    conversation: str = ""
    causes: bool = False


@dataclass(frozen=True, slots=True)
class EventsFound:
    """`nodes` are whole stories, as trees; `listed` are events of which a line will do."""

    nodes: Sequence[EventNode] = ()
    listed: Sequence[EventStory] = ()


@dataclass(frozen=True, slots=True)
class NoEventFound:
    """Nothing fits; `hints` say what there is."""

    problem: str
    hints: Sequence[str]


def answer(question: Question, hops: Sequence[Hop]) -> EventsFound | NoEventFound:
    """What the recorded `hops` tell of it."""
    every = stories(hops)
    if question.conversation:
        return _conversation(question.conversation, every)
    if question.selection.event_id:
        return _event(question, every)
    listed = sorted(filter(question.selection.takes, every), key=_began)
    return EventsFound(listed=listed) if listed else _nothing("no recorded event fits", every)


def notes_told(notes: Sequence[Note]) -> list[str]:
    """Sentences on what is not in the record, one for each app and kind."""
    sampled: dict[str, list[SampledOut]] = {}
    missing = Counter[tuple[str, str]]()
    for note in notes:
        if isinstance(note, SampledOut):
            sampled.setdefault(note.head.app_id, []).append(note)
        else:
            missing[note.head.app_id, note.why] += note.hops
    return [_sampled(app, found) for app, found in sampled.items()] + [
        f"{count} hops of {app} could not be written: {why}" for (app, why), count in missing.items()
    ]


def _sampled(app: str, notes: Sequence[SampledOut]) -> str:
    one_in, hops = max(note.one_in for note in notes), sum(note.hops for note in notes)
    return (
        f"of the events of {app} that went well not all are here: 1 of {one_in} where there were the most "
        f"({hops} hops are left out). Of those that did not go well, all are"
    )


def _conversation(name: str, every: Sequence[EventStory]) -> EventsFound | NoEventFound:
    """By its id, or by the id of an event in it."""
    ids = {story.event.correlation_id for story in every} - {""}
    if name not in ids:
        mine = next((story for story in every if story.event.event_id == name), None)
        if mine is not None:
            name = mine.event.correlation_id
            if not name:
                return EventsFound([consequences(every, mine.event.event_id)])
    nodes = conversation(every, name) if name in ids else []
    if nodes:
        return EventsFound(nodes)
    hints = [f"Did you mean {each}?" for each in near(name, sorted(ids))]
    return NoEventFound(f"no recorded event belongs to the conversation {name}", hints or _known(every))


def _event(question: Question, every: Sequence[EventStory]) -> EventsFound | NoEventFound:
    wanted = question.selection.event_id
    ids = list(dict.fromkeys(story.event.event_id for story in every))
    if wanted not in ids and len(wanted) >= SHORTEST:
        beginnings = [each for each in ids if each.startswith(wanted)]
        if len(beginnings) == 1:
            wanted = beginnings[0]
    selection = replace(question.selection, event_id=wanted)
    mine = [story for story in every if selection.takes(story)]
    if not mine:
        hints = [f"Did you mean {each}?" for each in near(wanted, ids)]
        return NoEventFound(f"no hop of event {wanted} is recorded", hints or _known(every))
    above = causes(every, mine[0].event) if question.causes else []
    return EventsFound(
        [*above, *(EventNode(wanted, each) for each in mine)], consequences(every, wanted).below
    )


def _began(story: EventStory) -> float:
    """Events that have nothing to do with each other have no other order than that of the clocks."""
    return min((hop.at for step in story.steps for hop in step.hops), default=0.0)


def _nothing(problem: str, every: Sequence[EventStory]) -> NoEventFound:
    return NoEventFound(problem, _known(every))


def _known(every: Sequence[EventStory]) -> list[str]:
    """What a person could ask for instead."""
    if not every:
        return ["The record is empty: no app that keeps one has published or received an event."]
    topics = Counter(passage.topic for story in every for passage in story.passages)
    told = ", ".join(f"{topic} ({count})" for topic, count in topics.most_common(10))
    return [f"It has {len(every)} events, of the topics {told}."]


def hops_taken(selection: Selection, hops: Sequence[Hop]) -> list[Hop]:
    """Those that `selection` asks for, each looked at alone, as they come."""
    return [hop for hop in hops if selection.takes_hop(hop)]
