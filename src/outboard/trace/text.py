"""Stories as lines for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from outboard.hops.conversation import EventNode
from outboard.hops.record import FAILED, Hop, HopKind, is_unwell
from outboard.hops.story import EventStory, Passage, StoryStep
from outboard.trace.verdict import verdict

__all__ = ["Line", "list_lines", "live_line", "node_lines", "step_text", "story_lines"]

STYLES: Final = {True: "green", False: "red", None: "yellow"}
HEAD: Final = "bold"
DIM: Final = "dim"
MILLISECOND: Final = 0.001
SENT: Final = frozenset({HopKind.PUBLISHED, HopKind.RELAYED, HopKind.REPLAYED, HopKind.DEAD_LETTERED})
"""Kinds by which the kit says that it has given an event to its sidecar."""


class Line(NamedTuple):
    """`style` is one of rich's, empty for none."""

    text: str
    style: str = ""


def story_lines(story: EventStory, indent: str = "") -> Iterator[Line]:
    """One event: what it is, where it is, and each step with the time that its recorder's clock showed."""
    yield _line(f"{indent}{_title(story)}", HEAD)
    found = verdict(story)
    yield _line(f"{indent}  {found.text}", STYLES[found.well])
    steps = [(passage, step) for passage in story.passages for step in passage.steps]
    width = max((len(step.hop.app_id) for _, step in steps), default=0)
    for passage, step in steps:
        hop = step.hop
        text = f"{indent}  {_time(hop.at)}  {hop.app_id:<{width}}  {step_text(step, passage)}"
        yield _line(text, STYLES[False] if is_unwell(hop) else "")
    if story.data:
        yield _line(f"{indent}  data {story.data}", DIM)


def node_lines(nodes: Sequence[EventNode], indent: str = "") -> Iterator[Line]:
    """Trees of events, each below the one that it came of."""
    for node in nodes:
        if node.story is None:
            yield _line(f"{indent}{node.event_id}: its hops are not in this record", DIM)
        else:
            yield from story_lines(node.story, indent)
        yield from node_lines(node.children, indent + "    ")


def list_lines(stories: Sequence[EventStory]) -> Iterator[Line]:
    """A line for each event."""
    for story in stories:
        first, found = next(story.steps).hop, verdict(story)
        topic = story.passages[0].topic
        text = f"{_time(first.at)}  {story.event.event_id}  {topic}  {found.text}"
        yield _line(text, "" if found.well else STYLES[found.well])


def live_line(step: StoryStep) -> Line:
    """A step by itself, as it comes."""
    hop, said = step.hop, _hop_text(step.hop, stored=_is_stored(step))
    text = f"{_time(hop.at)}  {hop.app_id}  {hop.event.event_id or '(no id)'}  {hop.topic}  {said}"
    return _line(text, STYLES[False] if any(map(is_unwell, step.hops)) else "")


def step_text(step: StoryStep, passage: Passage) -> str:
    """What happened in one step. Behind daprd, which records nothing, whoever was given the event knows where
    on the broker it lay.
    """
    stored = _is_stored(step) or bool(step.hop.kind in SENT and passage.offset)
    return _hop_text(step.hop, passage, stored=stored)


def _is_stored(step: StoryStep) -> bool:
    return any(hop.kind is HopKind.STORED for hop in step.hops)


def _line(text: str, style: str = "") -> Line:
    """What strangers have written, ids and reasons, may not move the cursor of a terminal, or end a line."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
    return Line(text, style)


def _hop_text(hop: Hop, passage: Passage | None = None, *, stored: bool = False) -> str:
    """What a hop says, for a person; `stored` where it is known besides that the broker has the event."""
    place = hop if hop.offset or passage is None else hop._replace(
        partition=passage.partition, offset=passage.offset
    )  # fmt: skip
    has_it = f"; the broker has it{_position(place)}" if stored else ""
    match hop.kind:
        case HopKind.STORED:
            return f"published to {hop.topic}; the broker has it{_position(place)}"
        case HopKind.ACCEPTED:
            return f"published to {hop.topic}: FAILED{_because(hop)}"
        case HopKind.PUBLISHED | HopKind.RELAYED | HopKind.REPLAYED if hop.outcome == FAILED:
            return f"{hop.kind} to {hop.topic}: FAILED{_because(hop)}"
        case HopKind.DELIVERED | HopKind.HANDLED:
            return f"attempt {max(hop.attempt, 1)}: {hop.outcome}{_took(hop)}{_because(hop)}"
        case HopKind.RETRIED:
            return f"comes again {hop.detail}"
        case HopKind.STAGED:
            return f"staged for {hop.topic}"
        case HopKind.DROPPED | HopKind.LOST | HopKind.PARKED | HopKind.UNSENT:
            return f"{hop.kind}{_because(hop)}"
        case HopKind.DEAD_LETTERED:
            return f"dead-lettered to {hop.topic}{_because(hop)}{has_it}"
        case _:
            return f"{hop.kind} to {hop.topic}{has_it}"


def _title(story: EventStory) -> str:
    event, first = story.event, story.passages[0]
    more = (
        ("key", event.key),
        ("source", event.source),
        ("conversation", event.correlation_id),
        ("caused by", event.causation_id),
    )
    said = "".join(f"  {name} {value}" for name, value in more if value)
    return f"{event.event_id}  {first.topic} of {first.pubsub}{said}"


def _time(at: float) -> str:
    """Of this machine's zone, as logs have it."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _position(hop: Hop) -> str:
    said = [
        f"{name} {value}" for name, value in (("partition", hop.partition), ("offset", hop.offset)) if value
    ]
    return f" ({', '.join(said)})" if said else ""


def _took(hop: Hop) -> str:
    if hop.duration is None:
        return ""
    return f" in {hop.duration / MILLISECOND:.1f} ms" if hop.duration < 1 else f" in {hop.duration:.2f} s"


def _because(hop: Hop) -> str:
    return f": {hop.detail}" if hop.detail else ""
