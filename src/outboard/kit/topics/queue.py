"""Events that wait to be published; of each ordering key only the first may leave. No I/O."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.kit.client.port import Publication
from outboard.wire.dapr import PARTITION_KEY, RAW_PAYLOAD
from outboard.wire.http import ExchangeFailed

__all__ = ["PendingEvent", "PublishLimits", "PublishQueue"]

ENTRY_OVERHEAD: Final = 256
PAIR_OVERHEAD: Final = 8
FEW: Final = 64


@dataclass(frozen=True, slots=True)
class PublishLimits:
    """How much leaves at once, and how much may wait. Bytes are those of requests, JSON around it included.

    At most `requests` are in flight. A batch of several events keeps to `batch_bytes`; a single event may be
    larger, and so may be what waits, by the last one that was let in.
    """

    requests: int = 2
    batch_events: int = 256
    batch_bytes: int = 2**20
    waiting_events: int = 1024
    waiting_bytes: int = 2**23


class PendingEvent:
    """One event on its way. Its publisher waits for `future`: whoever settles it looks whether it is done.

    `started` and `deadline` are by the monotonic clock, in seconds; `failure` is why an attempt came to
    nothing. `alone` is one whose metadata Dapr reads from a request only, never from an entry of a bulk one.
    What comes of `future` is whether it is to be `recorded` that the broker has the event.
    """

    __slots__ = (
        "alone",
        "deadline",
        "failure",
        "future",
        "key",
        "publication",
        "recorded",
        "sent",
        "size",
        "started",
        "waits",
    )

    publication: Publication

    def __init__(self, started: float, timeout: float, future: Future[bool]) -> None:
        self.started = started
        self.deadline = started + timeout
        self.future = future
        self.failure: ExchangeFailed | None = None
        self.recorded = False
        self.sent = False
        self.waits = False

    def load(self, publication: Publication) -> None:
        """Take what is to be sent."""
        metadata = publication.metadata
        self.publication = publication
        self.size = len(publication.body) + ENTRY_OVERHEAD
        self.key: str | None = None
        self.alone = False
        if metadata:
            self.key = metadata.get(PARTITION_KEY)
            self.alone = RAW_PAYLOAD in metadata
            for name, value in metadata.items():
                self.size += PAIR_OVERHEAD + 2 * (len(name) + len(value))

    def settle(self, error: Exception | None) -> None:
        """Give its publisher the answer; one that was cancelled, or whose time was up, has it already."""
        if self.future.done():
            return
        if error is None:
            self.future.set_result(self.recorded)
        else:
            self.future.set_exception(error)


class PublishQueue:
    """Everything here costs the same however much waits.

    A key is in `_behind` from its first event that waits until none of it waits or is in flight; `_ready`
    holds the first of each key that has nothing in flight, and every event without a key.
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
        elif (later := self._behind[key]) is not None:
            later.append(event)
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
                if event.key is not None and (later := self._behind[event.key]):
                    self._follow(later, batch)
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

    def _follow(self, later: deque[PendingEvent], batch: _Batch) -> None:
        while later:
            event = later[0]
            if event.future.done():
                self._uncount(later.popleft())
            elif batch.takes(event):
                later.popleft()
            else:
                return

    def _drop(self, event: PendingEvent) -> None:
        self._uncount(event)
        if event.key is not None:
            self._advance(event.key)

    def _advance(self, key: str, *, to_front: bool = False) -> None:
        later = self._behind[key]
        if not later:
            del self._behind[key]
        elif to_front:
            self._ready.appendleft(later.popleft())
        else:
            self._ready.append(later.popleft())

    def _sweep(self) -> None:
        """Let go of what is only kept because its turn has not come."""
        self._left_behind = 0
        for key, later in self._behind.items():
            self._behind[key] = deque(event for event in later if event.waits) if later else None
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
