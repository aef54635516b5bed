"""A conversation as a sequence: who tells what to whom, from left to right and from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from outboard.dashboard.views.rows import RowState
from outboard.hops.record import HopKind, is_unwell
from outboard.hops.story import PUBLISHING, EventStory, Passage, StoryStep
from outboard.trace.text import step_text

__all__ = ["SequenceArrow", "SequenceDiagram", "SequenceLane", "sequence_diagram"]

LANE: Final = 190
ROW: Final = 46
HEAD: Final = 64
MARGIN: Final = 95
LONGEST_NAME: Final = 24
LONGEST_TEXT: Final = 58


class SequenceLane(NamedTuple):
    """An app or a topic, with its line at `x`; `shown` is its name, shortened."""

    name: str
    shown: str
    is_topic: bool
    x: int


class SequenceArrow(NamedTuple):
    """From `x1` to `x2` at `y`; `text_x` is the middle. `sentence` says all of it in words."""

    x1: int
    x2: int
    y: int
    text_x: int
    text: str
    sentence: str
    event_id: str
    state: RowState
    own: bool


class SequenceDiagram(NamedTuple):
    """`left_out` is how many arrows are not drawn."""

    width: int
    height: int
    lanes: Sequence[SequenceLane]
    arrows: Sequence[SequenceArrow]
    left_out: int


class _Drawn(NamedTuple):
    story: EventStory
    passage: Passage
    step: StoryStep


def sequence_diagram(stories: Sequence[EventStory], own: str, most: int) -> SequenceDiagram:
    """Of these stories, in their order; the arrows of the event `own` are marked."""
    found = [
        _Drawn(story, passage, step)
        for story in stories
        for passage in story.passages
        for step in passage.steps
    ]
    names = dict.fromkeys(name for each in found[:most] for name in _ends(each))
    lanes = {
        end: SequenceLane(end[1], _shortened(end[1], LONGEST_NAME), end[0] == "topic", MARGIN + LANE * number)
        for number, end in enumerate(names)
    }
    arrows = [_arrow(lanes, each, own, HEAD + ROW * (number + 1)) for number, each in enumerate(found[:most])]
    width = 2 * MARGIN + LANE * max(len(lanes) - 1, 0)
    height = HEAD + ROW * (len(arrows) + 1)
    return SequenceDiagram(width, height, list(lanes.values()), arrows, max(len(found) - most, 0))


def _ends(drawn: _Drawn) -> Iterator[tuple[str, str]]:
    app, topic = ("app", drawn.step.hop.app_id), ("topic", drawn.passage.topic)
    yield from (app, topic) if drawn.step.hop.kind in PUBLISHING else (topic, app)


def _arrow(lanes: Mapping[tuple[str, str], SequenceLane], drawn: _Drawn, own: str, y: int) -> SequenceArrow:
    begin, end = (lanes[each] for each in _ends(drawn))
    story, step = drawn.story, drawn.step
    text = step_text(step, drawn.passage)
    state = RowState.FAILED if is_unwell(step.hop) else RowState.WELL
    state = RowState.WAITING if step.hop.kind in (HopKind.RETRIED, HopKind.STAGED) else state
    return SequenceArrow(
        begin.x, end.x, y, (begin.x + end.x) // 2, _shortened(_brief(step), LONGEST_TEXT),
        f"{begin.name} to {end.name}: {text}", story.event.event_id, state, story.event.event_id == own,
    )  # fmt: skip


def _brief(step: StoryStep) -> str:
    """As much as stands over an arrow."""
    hop = step.hop
    attempt = f" {hop.attempt}" if hop.attempt > 1 else ""
    return f"{hop.kind.value}{attempt}{f': {hop.outcome}' if hop.outcome else ''}"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
