"""What somebody asks of the record, and the answer as values. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from outboard.hops.conversation import EventNode, causes, consequences, conversation
from outboard.hops.files.lines import Note, SampledOut
from outboard.hops.record import Hop
from outboard.hops.selection import Selection
from outboard.hops.story import EventStory, stories
from outboard.trace.nothing import NoEventFound, left_out, no_conversation, no_event, nothing_fits

__all__ = ["EventsFound", "Question", "answer", "hops_taken", "notes_told", "with_conversation"]

SHORTEST: Final = 4
"""So many characters of an id, or more, may stand for all of it."""


@dataclass(frozen=True, slots=True)
class Question:
    """`selection` says which events; `conversation` asks for the tree of all that have that id, or that of
    the event of that id, and where `selection` asks for more, for those of them that fit; `causes` for the
    ancestors of the one event that is asked for.
    """

    selection: Selection
    conversation: str = ""
    causes: bool = False


@dataclass(frozen=True, slots=True)
class EventsFound:
    """`nodes` are whole stories, as trees; `listed` are events of which a line will do. `remark` says what
    was asked for and is not there.
    """

    nodes: Sequence[EventNode] = ()
    listed: Sequence[EventStory] = ()
    remark: str = ""


def answer(question: Question, hops: Sequence[Hop]) -> EventsFound | NoEventFound:
    """What the recorded `hops` tell of it."""
    every = stories(hops)
    if question.conversation:
        return _conversation(question, every)
    if question.selection.event_id:
        return _event(question, every)
    listed = sorted(filter(question.selection.takes, every), key=_began)
    return EventsFound(listed=listed) if listed else nothing_fits(question.selection, every)


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


def _conversation(question: Question, every: Sequence[EventStory]) -> EventsFound | NoEventFound:
    """By its id, or by the id of an event in it."""
    name = question.conversation
    roots = _roots(name, every)
    if not roots:
        return no_conversation(name, every)
    wanted = replace(question.selection, event_id="", correlation_id="")
    if wanted == Selection():
        return EventsFound(roots)
    within = [story for root in roots for story in root.stories]
    if listed := sorted(filter(wanted.takes, within), key=_began):
        return EventsFound(listed=listed)
    nothing = nothing_fits(wanted, within)
    return replace(nothing, problem=f"of the conversation {name}, {nothing.problem}")


def _roots(name: str, every: Sequence[EventStory]) -> Sequence[EventNode]:
    """The trees of the conversation; none where nothing belongs to it."""
    if name in {story.event.correlation_id for story in every} - {""}:
        return conversation(every, name)
    event_id = _whole_id(name, [story.event.event_id for story in every])
    mine = next((story for story in every if story.event.event_id == event_id), None)
    if mine is None:
        return []
    if not mine.event.correlation_id:
        return [consequences(every, event_id)]
    return conversation(every, mine.event.correlation_id)


def _event(question: Question, every: Sequence[EventStory]) -> EventsFound | NoEventFound:
    ids = [story.event.event_id for story in every]
    wanted = _whole_id(question.selection.event_id, ids)
    selection = replace(question.selection, event_id=wanted)
    mine = [story for story in every if selection.takes(story)]
    if not mine:
        return left_out(wanted) if wanted in ids else no_event(wanted, every)
    above = causes(every, mine[0].event) if question.causes else []
    alone = f"no event led to {wanted}: it was published outside of any handler, or does not say by which"
    return EventsFound(
        [*above, *(EventNode(wanted, each) for each in mine)],
        consequences(every, wanted).below,
        alone if question.causes and not above else "",
    )


def _whole_id(wanted: str, ids: Collection[str]) -> str:
    """The one of `ids` that begins with `wanted`, where it is the only one; else that."""
    if wanted in ids or len(wanted) < SHORTEST:
        return wanted
    beginnings = {each for each in ids if each.startswith(wanted)}
    return beginnings.pop() if len(beginnings) == 1 else wanted


def _began(story: EventStory) -> float:
    """Events that have nothing to do with each other have no other order than that of the clocks."""
    return min((hop.at for step in story.steps for hop in step.hops), default=0.0)


def hops_taken(selection: Selection, hops: Sequence[Hop]) -> list[Hop]:
    """Those that `selection` asks for, each looked at alone, as they come."""
    return [hop for hop in hops if selection.takes_hop(hop)]


def with_conversation(selection: Selection, hops: Sequence[Hop]) -> Selection:
    """The same for hops that are looked at alone, which know only the id of their conversation: where
    `selection` names it by one of its events, and `hops` have that, it is named by its id.
    """
    name = selection.correlation_id
    events = [hop.event for hop in hops]
    if not name or any(event.correlation_id == name for event in events):
        return selection
    event_id = _whole_id(name, {event.event_id for event in events})
    found = (event.correlation_id for event in events if event.event_id == event_id and event.correlation_id)
    return replace(selection, correlation_id=next(found, name))
