"""The events that a relay has in memory: a lane each, of which one event at a time is under way. Pure.

What is *held* is not fetched again. It is let go of only between two questions to the database, never during
one: an answer without an event that was held then would put a later one of its lane before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from outboard.kit.outbox.port import StoredEvent

__all__ = ["LANE_EVENTS", "Backlog"]

LANE_EVENTS: Final = 100
"""A lane with as many in memory gets no more, so that one busy key leaves room for others."""


class Backlog:
    """Lanes are *idle*, *running* (one event under way), or *blocked* until what happened is written down."""

    def __init__(self) -> None:
        self._lanes: dict[int, deque[StoredEvent]] = {}
        self._idle: dict[int, None] = {}
        self._blocked: set[int] = set()
        self._held: set[int] = set()

    @property
    def held(self) -> frozenset[int]:
        """The sequences not to be fetched: what waits, is under way, or is not written down yet."""
        return frozenset(self._held)

    @property
    def full_lanes(self) -> list[int]:
        """Lanes that have enough."""
        return [lane for lane, events in self._lanes.items() if len(events) >= LANE_EVENTS]

    @property
    def idle_lanes(self) -> list[int]:
        """Lanes with an event that could leave."""
        return list(self._idle)

    def add(self, events: Iterable[StoredEvent]) -> None:
        """Take what was fetched, in order of sequence; not of lanes that are blocked."""
        for event in events:
            if event.sequence in self._held or event.lane in self._blocked:
                continue
            self._held.add(event.sequence)
            if event.lane not in self._lanes:
                self._lanes[event.lane] = deque()
                self._idle[event.lane] = None
            self._lanes[event.lane].append(event)

    def head(self, lane: int) -> StoredEvent | None:
        """The event of `lane` that is next, if there is one."""
        events = self._lanes.get(lane)
        return events[0] if events else None

    def start(self, lane: int) -> None:
        """From now on `lane` is running."""
        del self._idle[lane]

    def advance(self, lane: int) -> None:
        """The head of `lane` was delivered. It stays held until `settled`."""
        self._lanes[lane].popleft()

    def stop(self, lane: int) -> None:
        """`lane` is running no more: it is idle, or gone if it is empty; a blocked one stays so."""
        if lane in self._blocked:
            return
        if self._lanes[lane]:
            self._idle[lane] = None
        else:
            del self._lanes[lane]

    def block(self, lane: int) -> None:
        """`lane`, a running one, goes on only when what became of its head is written down."""
        self._blocked.add(lane)

    def settled(self, sequences: Iterable[int]) -> None:
        """What became of these is written down."""
        self._held.difference_update(sequences)

    def unblock(self, lanes: Iterable[int]) -> None:
        """Forget these lanes: what is left of them is fetched again, when it may be."""
        for lane in lanes:
            self._blocked.discard(lane)
            self._forget(lane)

    def keep(self, wanted: Callable[[StoredEvent], bool]) -> None:
        """Forget idle lanes whose head is not `wanted`."""
        for lane in self.idle_lanes:
            if not wanted(self._lanes[lane][0]):
                self._forget(lane)

    def _forget(self, lane: int) -> None:
        self._idle.pop(lane, None)
        self._held.difference_update(event.sequence for event in self._lanes.pop(lane, ()))
