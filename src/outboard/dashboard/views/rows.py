"""One event as a row of a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from outboard.dashboard.views.moments import Moment, moment
from outboard.hops.story import EventStory
from outboard.trace.verdict import verdict

__all__ = ["EventRow", "RowState", "event_row", "state_of"]


class RowState(StrEnum):
    """`WAITING`: it is on its way, as far as the record tells."""

    WELL = "well"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class EventRow:
    """`apps` are those that published it or were given it, in that order; `told` is what became of it.

    `attempts` is the largest number of attempts of any app. `haystack` is all that a search looks through.
    """

    event_id: str
    at: Moment
    topic: str
    pubsub: str
    topics: tuple[str, ...]
    apps: tuple[str, ...]
    publisher: str
    takers: tuple[str, ...]
    key: str
    correlation_id: str
    state: RowState
    troubled: bool
    told: str
    attempts: int
    haystack: str


def event_row(story: EventStory) -> EventRow:
    """The row of an event of which there is a hop, at least."""
    event, found = story.event, verdict(story)
    hops = [hop for step in story.steps for hop in step.hops]
    topics = tuple(dict.fromkeys(passage.topic for passage in story.passages))
    publishers = [step.hop.app_id for passage in story.passages for step in passage.publishing]
    takers = tuple(dict.fromkeys(each.app_id for passage in story.passages for each in passage.receptions))
    apps = tuple(dict.fromkeys([*publishers, *takers]))
    searched = (event.event_id, event.source, event.key, event.correlation_id, event.causation_id,
                *topics, *apps, found.text, story.data)  # fmt: skip
    return EventRow(
        event_id=event.event_id,
        at=moment(min(hop.at for hop in hops)),
        topic=topics[0],
        pubsub=story.passages[0].pubsub,
        topics=topics,
        apps=apps,
        publisher=publishers[0] if publishers else "",
        takers=takers,
        key=event.key,
        correlation_id=event.correlation_id,
        state=state_of(found.well),
        troubled=story.failed,
        told=found.text,
        attempts=max(hop.attempt for hop in hops),
        haystack="\n".join(searched).casefold(),
    )


def state_of(well: bool | None) -> RowState:
    """Of a verdict."""
    if well is None:
        return RowState.WAITING
    return RowState.WELL if well else RowState.FAILED
