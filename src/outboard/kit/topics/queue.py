"""What waits to be published: a lane for each ordering key, of which only the head may leave. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from outboard.kit.topics.pending import PendingEvent

__all__ = ["PublishQueue"]

FEW: Final = 64


class PublishQueue:
    """Everything here costs the same however much waits.

    A key is in `_behind` from its first event that waits until none of it waits or is in flight; `_ready`
    holds the head of each lane that has nothing in flight, and every event without a key.
    """

    def __init__(self) -> None:
        self.events = 0
        self.bytes = 0
        self._ready: deque[PendingEvent] = deque()
        self._behind: dict[str, deque[PendingEvent] | None] = {}
        self._left_behind = 0

    @property
    def ready(self) -> int:
        """How many could leave at once, without a second of any key."""
        return len(self._ready)

    def add(self, event: PendingEvent) -> None:
        """Let `event` wait behind those of its key."""
        self._count(event)
        key = event.key
        if key is None:
            self._ready.append(event)
        elif key not in self._behind:
            self._behind[key] = None
            self._ready.append(event)
        elif (lane := self._behind[key]) is not None:
            lane.append(event)
        else:
            self._behind[key] = deque((event,))

    def take(self, max_events: int, max_bytes: int, *, ordered: bool) -> list[PendingEvent]:
        """The next batch; its keys stay taken until `release`. Empty where nothing may leave.

        Where it is `ordered`, as many of a key as there is room for, in their order.
        """
        batch = _Batch(max_events, max_bytes)
        ready = self._ready
        while ready:
            event = ready[0]
            if event.future.done():
                self._drop(ready.popleft())
            elif batch.takes(event):
                ready.popleft()
            else:
                break
        if ordered:
            for event in tuple(batch.events):
                if event.key is not None and (lane := self._behind[event.key]):
                    self._follow(lane, batch)
        for event in batch.events:
            event.sent = True
            self._uncount(event)
        return batch.events

    def release(self, batch: Sequence[PendingEvent], again: Sequence[PendingEvent] = ()) -> None:
        """`batch` is no longer in flight. What is to be sent `again` goes to the front, in its order."""
        if not again:
            for key in _keys(batch):
                self._advance(key)
            return
        front = {event.key for event in again if event.key is not None}
        for event in reversed(again):
            self._count(event)
            if event.key is None:
                self._ready.appendleft(event)
            else:
                self._behind[event.key] = deque((event, *(self._behind[event.key] or ())))
        for key in _keys(batch):
            if key not in front:
                self._advance(key)
        for key in _keys(reversed(again)):
            self._advance(key, to_front=True)

    def forget(self, event: PendingEvent) -> None:
        """Its publisher has gone: what waits no longer counts, and will not leave."""
        if not event.waits:
            return
        self._uncount(event)
        self._left_behind += 1
        if self._left_behind > max(self.events, FEW):
            self._sweep()

    def _follow(self, lane: deque[PendingEvent], batch: _Batch) -> None:
        while lane:
            event = lane[0]
            if event.future.done():
                self._uncount(lane.popleft())
            elif batch.takes(event):
                lane.popleft()
            else:
                return

    def _drop(self, event: PendingEvent) -> None:
        self._uncount(event)
        if event.key is not None:
            self._advance(event.key)

    def _advance(self, key: str, *, to_front: bool = False) -> None:
        lane = self._behind[key]
        if not lane:
            del self._behind[key]
        elif to_front:
            self._ready.appendleft(lane.popleft())
        else:
            self._ready.append(lane.popleft())

    def _sweep(self) -> None:
        """Let go of what is only kept because its turn has not come."""
        self._left_behind = 0
        for key, lane in self._behind.items():
            self._behind[key] = deque(event for event in lane if event.waits) if lane else None
        for _ in range(len(self._ready)):
            event = self._ready.popleft()
            if event.waits:
                self._ready.append(event)
            else:
                self._drop(event)

    def _count(self, event: PendingEvent) -> None:
        event.waits = True
        self.events += 1
        self.bytes += event.size

    def _uncount(self, event: PendingEvent) -> None:
        if event.waits:
            event.waits = False
            self.events -= 1
            self.bytes -= event.size


class _Batch:
    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.events: list[PendingEvent] = []
        self._events = max_events
        self._bytes = max_bytes

    def takes(self, event: PendingEvent) -> bool:
        """Add `event` where there is room for it.

        The first always fits: a batch of one is a plain publish, which has a bound of its own.
        """
        if self.events and (self._events <= 0 or self._bytes < event.size or event.alone):
            return False
        self.events.append(event)
        self._events = 0 if event.alone else self._events - 1
        self._bytes -= event.size
        return True


def _keys(events: Iterable[PendingEvent]) -> Iterable[str]:
    return dict.fromkeys(event.key for event in events if event.key is not None)
