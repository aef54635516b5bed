"""What came of an event, and where it came from: a tree of stories, by the ids of their causes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outboard.hops.record import EventIdentity
from outboard.hops.story import EventStory

__all__ = ["EventNode", "causes", "consequences", "conversation"]


@dataclass(frozen=True, slots=True)
class EventNode:
    """One event with those that its handlers published. `story` is None where no hop of it is known."""

    event_id: str
    story: EventStory | None
    children: tuple[EventNode, ...] = ()

    @property
    def stories(self) -> Iterator[EventStory]:
        """Its own and those below it, each event before what came of it."""
        if self.story is not None:
            yield self.story
        for child in self.children:
            yield from child.stories

    @property
    def below(self) -> list[EventStory]:
        """Those that came of it, each before what came of it in turn."""
        return [story for child in self.children for story in child.stories]


def conversation(stories: Sequence[EventStory], correlation_id: str) -> list[EventNode]:
    """The trees of all events with this id, in the order in which those of one process were published."""
    mine = [story for story in stories if story.event.correlation_id == correlation_id]
    known = {story.event.event_id for story in mine}
    roots: dict[str, list[EventStory]] = {}
    for story in _ordered(mine):
        if story.event.causation_id not in known:
            roots.setdefault(story.event.causation_id, []).append(story)
    return [node for _, begun in sorted(roots.items()) for node in _nodes(begun, mine, frozenset())]


def consequences(stories: Sequence[EventStory], event_id: str) -> EventNode:
    """The tree of all that came of one event."""
    own = next((story for story in stories if story.event.event_id == event_id), None)
    return EventNode(event_id, own, _children(event_id, stories, frozenset()))


def causes(stories: Sequence[EventStory], event: EventIdentity) -> list[EventNode]:
    """Its ancestors, the farthest first; of the last one that is named perhaps no story is known."""
    by_id = {story.event.event_id: story for story in stories}
    found: list[EventNode] = []
    seen = {event.event_id}
    cause = event.causation_id
    while cause and cause not in seen:
        seen.add(cause)
        story = by_id.get(cause)
        found.append(EventNode(cause, story))
        cause = "" if story is None else story.event.causation_id
    return found[::-1]


def _nodes(
    begun: Sequence[EventStory], stories: Sequence[EventStory], above: frozenset[str]
) -> Iterator[EventNode]:
    for story in begun:
        name = story.event.event_id
        yield EventNode(name, story, _children(name, stories, above))


def _children(event_id: str, stories: Sequence[EventStory], above: frozenset[str]) -> tuple[EventNode, ...]:
    """`above` are the events on the way to it: whoever says that it caused itself ends there."""
    path = above | {event_id}
    mine = [
        story
        for story in stories
        if story.event.causation_id == event_id and story.event.event_id not in path
    ]
    return tuple(_nodes(_ordered(mine), stories, path))


def _ordered(stories: Sequence[EventStory]) -> list[EventStory]:
    """By the app that published them; those of one app stay in the order in which it did."""
    return sorted(stories, key=_publisher)


def _publisher(story: EventStory) -> str:
    first = next(story.steps, None)
    return "" if first is None else first.hop.app_id
