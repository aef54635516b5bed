"""Which spans belong to which event, and where among its steps they stand. Pure.

No clock orders spans of two apps, nor a span and a hop: a span comes after the one that is its parent, what
led to an event comes before its publication, and what an app did with it before its answer.
Only spans of one app with one parent are in the order of that app's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from outboard.dashboard.otlp.span import ReceivedSpan, SpanPlace
from outboard.hops.record import HopKind
from outboard.hops.story import EventStory, Passage
from outboard.wire.tracing import TraceContext

__all__ = ["EventSpans", "SpanNode", "SpansOfEvents", "among", "spans_asked", "spans_of"]

MOST_SPANS: Final = 2_000
"""Of one conversation that are looked at."""
ANSWERS: Final = frozenset({HopKind.DELIVERED, HopKind.HANDLED})
ENTERING: Final = ("server", "consumer")
"""Kinds of the span with which an app begins on an event."""

T = TypeVar("T")


class SpanNode(NamedTuple):
    """A span with those that have it as their parent; `event_id` is that of its event, empty for none."""

    span: ReceivedSpan
    event_id: str
    children: Sequence[SpanNode]


class EventSpans(NamedTuple):
    """`before` led to the event, and published it; `after` is what apps made of it. Both in their order."""

    before: Sequence[ReceivedSpan] = ()
    after: Sequence[ReceivedSpan] = ()


class SpansOfEvents(NamedTuple):
    """Of the events of a conversation, by id; `tree` has all of them, those of no event too."""

    by_event: Mapping[str, EventSpans]
    tree: Sequence[SpanNode]
    left_out: int = 0


def spans_asked(stories: Iterable[EventStory]) -> tuple[set[str], set[str]]:
    """The ids of their traces, and their own: what a span is looked for by."""
    traces, ids = set[str](), set[str]()
    for story in stories:
        ids.add(story.event.event_id)
        traces |= {place[0] for place in _made_at(story)}
    return traces, ids


def spans_of(stories: Sequence[EventStory], spans: Sequence[ReceivedSpan]) -> SpansOfEvents:
    """The spans of each event of one conversation."""
    known = {span.place: span for span in spans[:MOST_SPANS]}
    owners = _Owners(stories, known)
    ordered = list(_in_order(known))
    found = {story.event.event_id: _of_event(story, ordered, owners) for story in stories}
    return SpansOfEvents(found, _trees(known, owners), len(spans) - len(ordered))


def among(passages: Sequence[Passage], spans: EventSpans, of_span: Callable[[ReceivedSpan], T],
          of_step: Callable[[int, int], T]) -> list[list[T]]:  # fmt: skip
    """For each passage its steps, given by `of_step` from two numbers, with the spans where they belong."""
    told: list[list[T]] = []
    rest = list(spans.after)
    for number, passage in enumerate(passages):
        rows = [of_span(span) for span in spans.before] if number == 0 else []
        at = 0
        for _ in passage.publishing:
            rows.append(of_step(number, at))
            at += 1
        for reception in passage.receptions:
            mine = [span for span in rest if span.service == reception.app_id]
            rest = [span for span in rest if span.service != reception.app_id]
            kinds = [step.hop.kind for step in reception.steps]
            answers = [place for place, kind in enumerate(kinds) if kind in ANSWERS] or [0]
            groups = _by_attempt(mine, len(answers))
            for place in range(len(kinds)):
                if place in answers:
                    rows += [of_span(span) for span in groups[answers.index(place)]]
                rows.append(of_step(number, at))
                at += 1
        told.append(rows)
    if told:  # of apps that no hop tells of
        told[0] += [of_span(span) for span in rest]
    return told


def _by_attempt(spans: Sequence[ReceivedSpan], attempts: int) -> list[list[ReceivedSpan]]:
    """The first span of a kind that enters the app is of its first attempt, and so on, with those below."""
    groups: list[list[ReceivedSpan]] = [[] for _ in range(attempts)]
    entered = dict.fromkeys(ENTERING, 0)
    of_span: dict[SpanPlace, int] = {}
    for span in spans:
        group = of_span.get((span.trace_id, span.parent_id))
        if span.kind in entered:
            group = entered[span.kind] if group is None else group
            entered[span.kind] = max(entered[span.kind], group) + 1
        of_span[span.place] = min(group or 0, attempts - 1)
        groups[of_span[span.place]].append(span)
    return groups


class _Owners:
    """The event of each span: what the span itself says of it first, then what its parent's is."""

    def __init__(self, stories: Sequence[EventStory], spans: Mapping[SpanPlace, ReceivedSpan]) -> None:
        self._spans = spans
        self._ids = {story.event.event_id for story in stories}
        self.makers: dict[SpanPlace, set[str]] = {}
        self._in_trace: dict[str, set[str]] = {}
        self._takers: dict[str, set[str]] = {}
        self._found: dict[SpanPlace, str] = {}
        for story in stories:
            for place in _made_at(story):
                self.makers.setdefault(place, set()).add(story.event.event_id)
                self._in_trace.setdefault(place[0], set()).add(story.event.event_id)
            for passage in story.passages:
                for reception in passage.receptions:
                    self._takers.setdefault(reception.app_id, set()).add(story.event.event_id)

    def of(self, place: SpanPlace) -> str:
        """The id of an event; empty where the span belongs to none, or it cannot be told to which."""
        way: list[SpanPlace] = []
        while place not in self._found:
            span = self._spans[place]
            own = self._said_by(span)
            above = span.trace_id, span.parent_id
            if not own and above in self._spans and above not in way:
                way.append(place)
                place = above
                continue
            self._found[place] = own or self._by_trace(span)
        owner = self._found[place]
        self._found |= dict.fromkeys(way, owner)
        return owner

    def _said_by(self, span: ReceivedSpan) -> str:
        if span.message_id in self._ids:
            return span.message_id
        named = [span.place, *span.links, (span.trace_id, span.parent_id)]
        return next((_only(self.makers[each]) for each in named if _only(self.makers.get(each, ()))), "")

    def _by_trace(self, span: ReceivedSpan) -> str:
        """Of the events of its trace the only one, or the only one that this app was given."""
        events = self._in_trace.get(span.trace_id, set())
        return _only(events) or _only(events & self._takers.get(span.service, set()))


def _only(names: Iterable[str]) -> str:
    """The one that there is; empty where there are others."""
    found = list(names)
    return found[0] if len(found) == 1 else ""


def _of_event(story: EventStory, ordered: Sequence[ReceivedSpan], owners: _Owners) -> EventSpans:
    event_id = story.event.event_id
    known = {span.place: span for span in ordered}
    led = _led_to(event_id, _made_at(story), known, owners)
    takers = {each.app_id for passage in story.passages for each in passage.receptions}
    publishers = {step.hop.app_id for passage in story.passages for step in passage.publishing}
    mine = [span for span in ordered if owners.of(span.place) == event_id and span.place not in led]
    entered = set[SpanPlace]()
    for span in mine:
        if span.kind in ENTERING or (span.trace_id, span.parent_id) in entered:
            entered.add(span.place)

    def is_sent(span: ReceivedSpan) -> bool:
        """What the publisher does to send it, and not what it makes of it when it is given it, too."""
        return span.service in publishers and (span.service not in takers or span.place not in entered)

    before = [span for span in ordered if span.place in led]
    sent = [span for span in mine if is_sent(span)]
    return EventSpans([*before, *sent], [span for span in mine if not is_sent(span)])


def _led_to(
    event_id: str, made_at: Iterable[SpanPlace], known: Mapping[SpanPlace, ReceivedSpan], owners: _Owners
) -> set[SpanPlace]:
    """The span that made the event and those above it, up to what is of another event."""
    led = set[SpanPlace]()
    for place in made_at:
        while place in known and place not in led:
            if owners.of(place) not in ("", event_id):
                break
            led.add(place)
            place = (place[0], known[place].parent_id)
    return led


def _made_at(story: EventStory) -> set[SpanPlace]:
    """Where in which trace it was made, by its hops."""
    said = {hop.event.traceparent for step in story.steps for hop in step.hops} | {story.event.traceparent}
    traces = [TraceContext.parse(each) for each in said]
    return {(trace.trace_id, trace.span_id) for trace in traces if trace is not None}


def _in_order(spans: Mapping[SpanPlace, ReceivedSpan]) -> Iterator[ReceivedSpan]:
    """Each after its parent."""
    below = _below(spans)
    waiting = list(reversed(_roots(spans)))
    while waiting:
        span = waiting.pop()
        yield span
        waiting += reversed(below.get(span.place, []))


def _trees(spans: Mapping[SpanPlace, ReceivedSpan], owners: _Owners) -> list[SpanNode]:
    """What is deep in a trace is made first, so that no depth is too much."""
    below = _below(spans)
    nodes: dict[SpanPlace, SpanNode] = {}
    for span in reversed(list(_in_order(spans))):
        children = [nodes[child.place] for child in below.get(span.place, [])]
        nodes[span.place] = SpanNode(span, owners.of(span.place), children)
    return [nodes[span.place] for span in _roots(spans)]


def _roots(spans: Mapping[SpanPlace, ReceivedSpan]) -> list[ReceivedSpan]:
    return _siblings(span for span in spans.values() if (span.trace_id, span.parent_id) not in spans)


def _below(spans: Mapping[SpanPlace, ReceivedSpan]) -> dict[SpanPlace, list[ReceivedSpan]]:
    found: dict[SpanPlace, list[ReceivedSpan]] = {}
    for span in spans.values():
        found.setdefault((span.trace_id, span.parent_id), []).append(span)
    return {place: _siblings(each) for place, each in found.items()}


def _siblings(spans: Iterable[ReceivedSpan]) -> list[ReceivedSpan]:
    return sorted(spans, key=lambda span: (span.service, span.began, span.span_id))
