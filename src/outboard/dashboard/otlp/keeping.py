"""The spans that were taken in, the last ones, found by what joins them to events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from outboard.dashboard.otlp.span import ReceivedSpan, SpanPlace

__all__ = ["SpanStore"]

MOST_SPANS: Final = 20_000
MOST_CHARACTERS: Final = 32 * 2**20


class _By(Enum):
    TRACE = "trace"
    LINK = "link"
    MESSAGE = "message"
    CONVERSATION = "conversation"


class SpanStore:
    """Keeps the last `most` spans, and of long ones as many as have `characters`, about a byte each."""

    def __init__(self, most: int = MOST_SPANS, characters: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._characters = characters
        self._spans: dict[SpanPlace, ReceivedSpan] = {}
        self._places: dict[tuple[_By, str], dict[SpanPlace, None]] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, spans: Iterable[ReceivedSpan]) -> None:
        """Take them; one that is sent again stands in the place of the earlier one."""
        for span in spans:
            if span.place in self._spans:
                self._forget(span.place)
            self._spans[span.place] = span
            self._size += span.size
            for name in _names(span):
                self._places.setdefault(name, {})[span.place] = None
            while len(self._spans) > self._most or self._size > self._characters:
                self._forget(next(iter(self._spans)))

    def about(
        self, traces: Iterable[str], messages: Iterable[str] = (), conversation: str = ""
    ) -> list[ReceivedSpan]:
        """Those that are of one of the traces, or link to it, or name a message or the conversation, with the
        rest of their traces. In no order that means anything.
        """
        own = set(traces)
        wanted = {(_By.LINK, each) for each in own} | {(_By.MESSAGE, each) for each in messages}
        wanted |= {(_By.CONVERSATION, conversation)} if conversation else set()
        named = {place[0] for name in wanted for place in self._places.get(name, ())}
        every = sorted(named | own)
        return [self._spans[place] for each in every for place in self._places.get((_By.TRACE, each), ())]

    def _forget(self, place: SpanPlace) -> None:
        span = self._spans.pop(place)
        self._size -= span.size
        for name in _names(span):
            places = self._places[name]
            places.pop(place, None)
            if not places:
                del self._places[name]


def _names(span: ReceivedSpan) -> Iterator[tuple[_By, str]]:
    """Each once."""
    yield _By.TRACE, span.trace_id
    yield from {(_By.LINK, trace) for trace, _ in span.links}
    if span.message_id:
        yield _By.MESSAGE, span.message_id
    if span.conversation_id:
        yield _By.CONVERSATION, span.conversation_id
