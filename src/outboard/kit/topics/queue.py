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

    def add(self, entry: PendingEvent) -> None:
        """Let `entry` wait behind those of its key."""
        self._count(entry)
        key = entry.key
        if key is None:
            self._ready.append(entry)
        elif key not in self._behind:
            self._behind[key] = None
            self._ready.append(entry)
        elif (lane := self._behind[key]) is not None:
            lane.append(entry)
        else:
            self._behind[key] = deque((entry,))

    def take(self, max_events: int, max_bytes: int, *, ordered: bool) -> list[PendingEvent]:
        """The next batch; its keys stay taken until `release`. Empty where nothing may leave.

        Where it is `ordered`, as many of a key as there is room for, in their order.
        """
        batch = _Batch(max_events, max_bytes)
        ready = self._ready
        while ready:
            entry = ready[0]
            if entry.future.done():
                self._drop(ready.popleft())
            elif batch.takes(entry):
                ready.popleft()
            else:
                break
        if ordered:
            for entry in tuple(batch.entries):
                if entry.key is not None and (lane := self._behind[entry.key]):
                    self._follow(lane, batch)
        for entry in batch.entries:
            entry.sent = True
            self._uncount(entry)
        return batch.entries

    def release(self, batch: Sequence[PendingEvent], again: Sequence[PendingEvent] = ()) -> None:
        """`batch` is no longer in flight. What is to be sent `again` goes to the front, in its order."""
        if not again:
            for key in _keys(batch):
                self._advance(key)
            return
        front = {entry.key for entry in again if entry.key is not None}
        for entry in reversed(again):
            self._count(entry)
            if entry.key is None:
                self._ready.appendleft(entry)
            else:
                self._behind[entry.key] = deque((entry, *(self._behind[entry.key] or ())))
        for key in _keys(batch):
            if key not in front:
                self._advance(key)
        for key in _keys(reversed(again)):
            self._advance(key, to_front=True)

    def forget(self, entry: PendingEvent) -> None:
        """Its publisher has gone: what waits no longer counts, and will not leave."""
        if not entry.waits:
            return
        self._uncount(entry)
        self._left_behind += 1
        if self._left_behind > max(self.events, FEW):
            self._sweep()

    def _follow(self, lane: deque[PendingEvent], batch: _Batch) -> None:
        while lane:
            entry = lane[0]
            if entry.future.done():
                self._uncount(lane.popleft())
            elif batch.takes(entry):
                lane.popleft()
            else:
                return

    def _drop(self, entry: PendingEvent) -> None:
        self._uncount(entry)
        if entry.key is not None:
            self._advance(entry.key)

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
            self._behind[key] = deque(entry for entry in lane if entry.waits) if lane else None
        for _ in range(len(self._ready)):
            entry = self._ready.popleft()
            if entry.waits:
                self._ready.append(entry)
            else:
                self._drop(entry)

    def _count(self, entry: PendingEvent) -> None:
        entry.waits = True
        self.events += 1
        self.bytes += entry.size

    def _uncount(self, entry: PendingEvent) -> None:
        if entry.waits:
            entry.waits = False
            self.events -= 1
            self.bytes -= entry.size


class _Batch:
    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.entries: list[PendingEvent] = []
        self._events = max_events
        self._bytes = max_bytes

    def takes(self, entry: PendingEvent) -> bool:
        """Add `entry` where there is room for it.

        The first always fits: a batch of one is a plain publish, which has a bound of its own.
        """
        if self.entries and (self._events <= 0 or self._bytes < entry.size or entry.alone):
            return False
        self.entries.append(entry)
        self._events = 0 if entry.alone else self._events - 1
        self._bytes -= entry.size
        return True


def _keys(entries: Iterable[PendingEvent]) -> Iterable[str]:
    return dict.fromkeys(entry.key for entry in entries if entry.key is not None)
