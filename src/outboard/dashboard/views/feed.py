"""All events that are known, the newest last, and what changes with each hop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from outboard.dashboard.otlp.keeping import SpanStore
from outboard.dashboard.otlp.span import ReceivedSpan
from outboard.dashboard.views.rates import RateCounters
from outboard.dashboard.views.rows import EventRow, event_row
from outboard.hops.files.lines import Note
from outboard.hops.record import Hop
from outboard.hops.story import EventStory, stories

__all__ = ["MOST_EVENTS", "EventFeed"]

MOST_EVENTS: Final = 20_000
MOST_NOTES: Final = 200


class _Known:
    """One event: its hops, and what they tell once somebody asks."""

    __slots__ = ("_row", "_stories", "hops")

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self._stories: list[EventStory] | None = None
        self._row: EventRow | None = None

    def add(self, hop: Hop) -> None:
        self.hops.append(hop)
        self._stories = self._row = None

    @property
    def stories(self) -> list[EventStory]:
        """One, unless events of several sources have the same id."""
        if self._stories is None:
            self._stories = stories(self.hops)
        return self._stories

    @property
    def row(self) -> EventRow:
        if self._row is None:
            self._row = event_row(self.stories[0])
        return self._row


class EventFeed:
    """Keeps the last `most` events, and spans; `version` changes whenever a hop or a span comes."""

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self.version = 0
        self.rates = RateCounters()
        self.notes: list[Note] = []
        self.hops_without_id = 0
        self.spans = SpanStore()
        self._most = most
        self._events: dict[str, _Known] = {}
        self._conversations: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._events)

    def add(self, hops: Iterable[Hop], notes: Iterable[Note] = ()) -> None:
        """Take what was read. Hops of one process are in their order, those of several are in none."""
        fresh = sorted(hops, key=lambda hop: hop.at)  # a stable sort: the order of events alone depends on it
        self.notes = [*self.notes, *notes][-MOST_NOTES:]
        for hop in fresh:
            self.rates.add(hop)
            self._take(hop)
        while len(self._events) > self._most:
            self._forget(next(iter(self._events)))
        if fresh:
            self.version += 1

    def add_spans(self, spans: Sequence[ReceivedSpan]) -> None:
        """Take what an app has sent by OTLP."""
        self.spans.add(spans)
        if spans:
            self.version += 1

    def rows(self) -> Iterator[EventRow]:
        """Each event that is known now, the newest first; others may come while they are looked at."""
        return (known.row for known in list(reversed(self._events.values())))

    def stories_of(self, event_id: str) -> list[EventStory]:
        """Of the event with this id; empty where none is known."""
        known = self._events.get(event_id)
        return [] if known is None else known.stories

    def whole_id(self, beginning: str) -> str:
        """The one id that begins so; empty where none does, or several do."""
        if beginning in self._events:
            return beginning
        found = [each for each in self._events if beginning and each.startswith(beginning)]
        return found[0] if len(found) == 1 else ""

    def conversation(self, correlation_id: str) -> list[EventStory]:
        """The stories of all events with this correlation id."""
        ids = self._conversations.get(correlation_id, {})
        return [story for each in ids for story in self._events[each].stories]

    @property
    def topics(self) -> list[str]:
        """The names of all topics, for a choice."""
        return sorted({edge.topic for edge in self.rates.edges})

    @property
    def apps(self) -> list[str]:
        """The names of all apps that published an event, or were given one."""
        return sorted({edge.app_id for edge in self.rates.edges})

    def _take(self, hop: Hop) -> None:
        event_id, correlation_id = hop.event.event_id, hop.event.correlation_id
        if not event_id:
            self.hops_without_id += 1
            return
        known = self._events.get(event_id)
        if known is None:
            known = self._events[event_id] = _Known()
        known.add(hop)
        if correlation_id:
            self._conversations.setdefault(correlation_id, {})[event_id] = None

    def _forget(self, event_id: str) -> None:
        known = self._events.pop(event_id)
        for correlation_id in {hop.event.correlation_id for hop in known.hops} - {""}:
            conversation = self._conversations[correlation_id]
            conversation.pop(event_id, None)
            if not conversation:
                del self._conversations[correlation_id]
