"""The events that a relay has in memory: a lane each, of which one event at a time is under way. Pure.

What is *held* is not fetched again. It is let go of only between two questions to the database, never during
one: an answer without an event that was held then would put a later one of its lane before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

from outboard.kit.outbox.port import StoredEvent

__all__ = ["LANE_EVENTS", "SHORT_LANE", "Backlog"]

LANE_EVENTS: Final = 100
"""A lane with as many in memory gets no more, so that one busy key leaves room for others."""
SHORT_LANE: Final = 50
"""With fewer, one that had enough gets more."""


class Backlog:
    """Lanes are *idle*, *running* (one event under way), or *blocked* until what happened is written down."""

    def __init__(self) -> None:
        self._lanes: dict[int, deque[StoredEvent]] = {}
        self._idle: dict[int, None] = {}
        self._blocked: set[int] = set()
        self._held: dict[int, int] = {}
        """With the partition of each."""
        self._deadlines: dict[int, float] = {}

    @property
    def held(self) -> frozenset[int]:
        """The sequences not to be fetched: what waits, is under way, or is not written down yet."""
        return frozenset(self._held)

    @property
    def count(self) -> int:
        """How many events are held."""
        return len(self._held)

    @property
    def idle_count(self) -> int:
        """How many lanes are idle."""
        return len(self._idle)

    @property
    def busy_partitions(self) -> frozenset[int]:
        """Partitions of which something is held."""
        return frozenset(self._held.values())

    @property
    def full_lanes(self) -> list[int]:
        """Lanes that have enough."""
        return [lane for lane, events in self._lanes.items() if len(events) >= LANE_EVENTS]

    def is_short(self, lane: int) -> bool:
        """Whether `lane`, which had enough, is to get more before it has none left."""
        return len(self._lanes.get(lane, ())) < SHORT_LANE

    @property
    def idle_lanes(self) -> list[int]:
        """Lanes with an event that could leave."""
        return list(self._idle)

    def add(self, events: Iterable[StoredEvent], asked_at: float = 0.0) -> None:
        """Take what was fetched, in order of sequence; not of lanes that are blocked.

        `asked_at` is from when on the time counts that one has until it expires.
        """
        for event in events:
            if event.sequence in self._held or event.lane in self._blocked:
                continue
            self._held[event.sequence] = event.partition
            if event.expires_in is not None:
                self._deadlines[event.sequence] = asked_at + event.expires_in
            if event.lane not in self._lanes:
                self._lanes[event.lane] = deque()
                self._idle[event.lane] = None
            self._lanes[event.lane].append(event)

    def head(self, lane: int) -> StoredEvent | None:
        """The event of `lane` that is next, if there is one."""
        events = self._lanes.get(lane)
        return events[0] if events else None

    @property
    def has_deadlines(self) -> bool:
        """Whether anything that is held expires."""
        return bool(self._deadlines)

    def has_expired(self, event: StoredEvent, now: float) -> bool:
        """Whether it is not to be sent any more, of one that is held."""
        return bool(self._deadlines) and now >= self._deadlines.get(event.sequence, math.inf)

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

    def settled(self, sequences: Collection[int]) -> None:
        """What became of these is written down."""
        self._let_go(sequences)

    def unblock(self, lanes: Iterable[int]) -> None:
        """Forget these lanes: what is left of them is fetched again, when it may be."""
        for lane in lanes:
            self._blocked.discard(lane)
            self._forget(lane)

    def keep(self, wanted: Callable[[StoredEvent], bool]) -> bool:
        """Forget idle lanes whose head is not `wanted`; whether there were any."""
        unwanted = [lane for lane in self._idle if not wanted(self._lanes[lane][0])]
        for lane in unwanted:
            self._forget(lane)
        return bool(unwanted)

    def _forget(self, lane: int) -> None:
        self._idle.pop(lane, None)
        self._let_go([event.sequence for event in self._lanes.pop(lane, ())])

    def _let_go(self, sequences: Collection[int]) -> None:
        for sequence in sequences:
            self._held.pop(sequence, None)
            self._deadlines.pop(sequence, None)
