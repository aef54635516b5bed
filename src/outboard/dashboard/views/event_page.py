"""All that is known of one event: its steps, its conversation, its data, and what one can do with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from outboard.dashboard.otlp.span import ReceivedSpan
from outboard.dashboard.views.event_commands import CopyText, copy_texts
from outboard.dashboard.views.event_spans import EventSpans, SpansOfEvents, among, spans_of
from outboard.dashboard.views.moments import Moment, moment
from outboard.dashboard.views.rows import RowState, state_of
from outboard.dashboard.views.sequence import SequenceDiagram, sequence_diagram
from outboard.dashboard.views.span_rows import SpanItem, span_items, span_text
from outboard.hops.conversation import EventNode, consequences, conversation
from outboard.hops.record import Hop, HopKind, is_unwell
from outboard.hops.story import EventStory, Passage, StoryStep
from outboard.trace.text import step_text
from outboard.trace.verdict import verdict
from outboard.wire.sensitive import MASK

__all__ = ["EventPage", "PublishAgain", "StepView", "TreeItem", "event_page"]

MOST_IN_SEQUENCE: Final = 60
"""Steps of a conversation that are drawn: what is longer nobody reads as a picture."""


class StepView(NamedTuple):
    """One step of a timeline, or a span. `since` is how long after the first step, by the clocks of the two
    apps. `attributes` are those of a span.
    """

    at: Moment
    since: str
    app_id: str
    text: str
    kind: str
    state: RowState
    told_by: str
    trace: str
    attributes: Sequence[tuple[str, str]] = ()


class PassageView(NamedTuple):
    """One time that the event went to a topic, with the steps there."""

    topic: str
    pubsub: str
    place: str
    steps: Sequence[StepView]


class TreeItem(NamedTuple):
    """One event of a conversation, as deep as `depth` below its root; `own` is the one that is shown."""

    event_id: str
    depth: int
    topic: str
    told: str
    state: RowState
    own: bool
    children: Sequence[TreeItem]


class PublishAgain(NamedTuple):
    """What a form begins with. `refusal` says why the data cannot go as it is; empty where it can."""

    topic: str
    pubsub: str
    key: str
    data: str
    refusal: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """`facts` are names with their values; `data` is empty where nobody has kept it. `spans` are those of the
    conversation, as trees, without `spans_left_out`.
    """

    event_id: str
    topic: str
    pubsub: str
    state: RowState
    told: str
    facts: Sequence[tuple[str, str]]
    correlation_id: str
    causation_id: str
    passages: Sequence[PassageView]
    tree: Sequence[TreeItem]
    sequence: SequenceDiagram
    spans: Sequence[SpanItem]
    spans_left_out: int
    data: str
    copies: Sequence[CopyText]
    again: PublishAgain
    same_id: int


def event_page(
    own: Sequence[EventStory], others: Sequence[EventStory], sidecars: dict[str, str],
    spans: Sequence[ReceivedSpan] = (), mask: Callable[[str], str] = str,
) -> EventPage:  # fmt: skip
    """Of the event with the stories `own` (one, unless sources differ); `others` are those of its
    conversation, itself included. `sidecars` are the addresses of those that run, by app; `spans` those of
    its traces, in whose texts `mask` hides what is secret.
    """
    story = own[0]
    event, found, first = story.event, verdict(story), story.passages[0]
    nodes = conversation(others, event.correlation_id) if event.correlation_id else []
    nodes = nodes or [consequences(others or own, event.event_id)]
    told = [each for node in nodes for each in node.stories]
    data = _indented(story.data)
    joined = spans_of(others, spans)
    again = PublishAgain(first.topic, first.pubsub, event.key, data, _refusal(story.data))
    facts = (("key", event.key), ("source", event.source), ("traceparent", event.traceparent))
    return EventPage(
        event.event_id, first.topic, first.pubsub, state_of(found.well), found.text,
        [(name, value) for name, value in facts if value], event.correlation_id, event.causation_id,
        _passages(story, joined, mask), [_item(node, event.event_id, 0) for node in nodes],
        sequence_diagram(told, event.event_id, MOST_IN_SEQUENCE),
        span_items(joined, event.event_id, mask), joined.left_out, data,
        copy_texts(again, sidecars.get(_publisher(first), "")), again, len(own),
    )  # fmt: skip


def _publisher(passage: Passage) -> str:
    return passage.publishing[0].hop.app_id if passage.publishing else ""


def _passages(story: EventStory, joined: SpansOfEvents, mask: Callable[[str], str]) -> list[PassageView]:
    first = next(story.steps).hop.at
    steps = [[_step(step, passage, first) for step in passage.steps] for passage in story.passages]
    rows = among(
        story.passages,
        joined.by_event.get(story.event.event_id, EventSpans()),
        lambda span: _span(span, first, mask),
        lambda passage, step: steps[passage][step],
    )
    return [
        PassageView(passage.topic, passage.pubsub, _place(passage), told)
        for passage, told in zip(story.passages, rows, strict=True)
    ]


def _place(passage: Passage) -> str:
    told = (("partition", passage.partition), ("offset", passage.offset))
    return ", ".join(f"{name} {value}" for name, value in told if value)


def _span(span: ReceivedSpan, first: float, mask: Callable[[str], str]) -> StepView:
    text, attributes = span_text(span, mask)
    state = RowState.FAILED if span.failed else RowState.WELL
    return StepView(
        moment(span.began), _since(span.began - first), span.service, text, "span", state, "app's span",
        span.trace_id, attributes,
    )  # fmt: skip


def _step(step: StoryStep, passage: Passage, first: float) -> StepView:
    hop = step.hop
    told_by = " and ".join(dict.fromkeys(each.part or "sidecar" for each in step.hops))
    return StepView(
        moment(hop.at), _since(hop.at - first), hop.app_id, step_text(step, passage), hop.kind.value,
        _state(hop), told_by, hop.event.traceparent,
    )  # fmt: skip


def _state(hop: Hop) -> RowState:
    if hop.kind is HopKind.RETRIED:
        return RowState.WAITING
    return RowState.FAILED if is_unwell(hop) else RowState.WELL


def _since(seconds: float) -> str:
    sign = "-" if seconds < 0 else "+"
    size = abs(seconds)
    return f"{sign}{size * 1000:.0f} ms" if size < 1 else f"{sign}{size:.2f} s"


def _item(node: EventNode, own: str, depth: int) -> TreeItem:
    children = [_item(child, own, depth + 1) for child in node.children]
    if node.story is None:
        told, state, topic = "its hops are not in this record", RowState.WAITING, ""
    else:
        found = verdict(node.story)
        told, state, topic = found.text, state_of(found.well), node.story.passages[0].topic
    return TreeItem(node.event_id, depth, topic, told, state, node.event_id == own, children)


def _indented(data: str) -> str:
    """JSON over several lines; what is none, as it is."""
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data


def _refusal(data: str) -> str:
    """What is masked, or cut, in the record is not what the event had."""
    if not data:
        return (
            "The record does not have its data: a service without the kit published it, or data is not kept."
        )
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return "The record has only the beginning of its data."
    return (
        f"The record has {MASK} in the place of what is sensitive: write what is meant."
        if _masked(value)
        else ""
    )


def _masked(value: object) -> bool:
    if isinstance(value, dict):
        return any(_masked(each) for each in value.values())
    return any(_masked(each) for each in value) if isinstance(value, list) else value == MASK
