"""The events that one consumer group has not settled yet: partitions, who works on them, room for more.

No I/O: consumers and publishers of one event loop meet here.

    a partition  free  held  in `ready`  what ends it
    idle         yes   no    no          `put`: offered
    offered      yes   no    yes         `take`: taken
    taken        no    no    no          all are done, or `give_back`: offered, or idle; one failed: `hold`
    held         no    yes   no          `release`, after the pause: offered

    the group    what is put                     what ends it
    absent       is kept, the most recent only   the first consumer comes: all is put into its partitions
    attached     goes into its partition         the last consumer leaves: all goes back, in order
    full         waits in `room`                 something is settled; or nothing moves: then it is stalled
    stalled      goes into its partition         as little is left as its consumers want; or MOST events
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from outboard.sidecar.components.memory.loss_warnings import BacklogWarnings
from outboard.sidecar.components.port import Message
from outboard.sidecar.components.pubsub.partitioned import Turns

__all__ = ["ABSENT_QUEUE", "Acquired", "Group", "PartitionQueue", "PublishedEvent"]

ABSENT_QUEUE: Final = 1_000
MOST: Final = 10_000
STALLED: Final = 0.5
"""Seconds without room, after which handlers may be waiting for that: they publish to the same topic."""

PublishedEvent: TypeAlias = tuple[int, int, Message]
"""One event on the log: its place in the order of publishing, its partition, and itself."""


class PartitionQueue:
    """The events that wait, in order. `free` unless somebody works on the events before them.

    `held`: the first of them failed, and is tried again later.
    """

    __slots__ = ("free", "held", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[PublishedEvent] = deque()
        self.free, self.held = True, False


Acquired: TypeAlias = tuple[PartitionQueue, Sequence[PublishedEvent]]
"""The next events of a partition, that nobody else gets until they are settled."""


class Group:
    """One group on one topic, or on those that begin with a pattern. Its consumers share the partitions.

    While none is attached the most recent `keep` events are kept in order, the older ones are lost.
    """

    def __init__(self, name: str, topic: str, partitions: int, kept: Iterable[PublishedEvent] = ()) -> None:
        self.name = name
        self.topic = topic
        self._partitions = [PartitionQueue() for _ in range(partitions)]
        self._ready: deque[PartitionQueue] = deque()
        self._kept: deque[PublishedEvent] = deque(kept)
        self._rooms: list[int] = []
        self._unsettled = self._behind_held = 0
        self._stalled = False
        self._losses = BacklogWarnings(name, topic)
        self._work, self._room = Turns(), Turns()

    @property
    def attached(self) -> bool:
        return bool(self._rooms)

    @property
    def full(self) -> bool:
        """Whether its consumers have as much as they want; nobody waits for one that is away.

        What waits behind a failed event does not count, up to `MOST` events: the other partitions go on. So
        many are taken, too, once nothing moves, until there is as little again as its consumers want.
        """
        if not self._rooms:
            return False
        return (self._crowded and not self._stalled) or self._unsettled >= MOST

    async def room(self) -> None:
        """Return when something was settled, or the last consumer left, or nothing moves."""
        try:
            async with asyncio.timeout(STALLED):
                await self._room.wait()
        except TimeoutError:
            self._stalled = self._crowded
            self._room.wake_all()

    @contextmanager
    def consumer(self, room: int) -> Iterator[None]:
        """One more consumer while the block runs; with it the group holds `room` events more."""
        self._rooms.append(room)  # of each its own: who leaves takes no more away than it brought
        if len(self._rooms) == 1:
            self._spread()
        try:
            yield
        finally:
            self._rooms.remove(room)
            if not self._rooms:
                self._gather()

    def put(self, records: Collection[PublishedEvent], keep: int) -> None:
        """Append events; those that are too many for an absent group push out the oldest."""
        if not self.attached:
            self._keep(records, keep)
            return
        self._unsettled += len(records)
        partitions = self._partitions
        for record in records:
            partition = partitions[record[1]]
            waiting = partition.waiting
            waiting.append(record)
            if partition.held:
                self._behind_held += 1
            elif partition.free and len(waiting) == 1:  # with more than one it is offered already
                self._offer(partition)

    async def take(self, most: int, partitions: int) -> list[Acquired]:
        """At most so many events, of at most so many partitions, as soon as there are any."""
        while not self._ready:
            await self._work.wait()
        acquired: list[Acquired] = []
        while self._ready and most > 0 and len(acquired) < partitions:
            partition = self._ready.popleft()
            partition.free = False
            waiting = partition.waiting
            taken = [waiting.popleft() for _ in range(min(most, len(waiting)))]
            most -= len(taken)
            acquired.append((partition, taken))
        if self._ready:  # more than was taken: the next in turn
            self._work.wake()
        return acquired

    def settle(self, acquired: Sequence[Acquired], outcomes: Sequence[object]) -> list[PartitionQueue]:
        """Take what became of each event, in order: None if it is done. The partitions where one is not.

        The others are free for whoever is next, these only after `release`: then what is not done comes next.
        """
        failed: list[PartitionQueue] = []
        for (partition, records), told in zip(acquired, _split(acquired, outcomes), strict=True):
            rest = [record for record, outcome in zip(records, told, strict=True) if outcome is not None]
            self._unsettled -= len(records) - len(rest)
            if rest:
                partition.waiting.extendleft(reversed(rest))
                failed.append(partition)
            else:
                self.release(partition)
        self._make_room(len(outcomes))
        return failed

    def settle_all(self, acquired: Sequence[Acquired]) -> None:
        """Every event of `acquired` is done: what `settle` does, where there is nothing to tell apart."""
        done = 0
        for partition, records in acquired:
            done += len(records)
            partition.free = True
            if partition.waiting:
                self._offer(partition)
        self._unsettled -= done
        self._make_room(done)

    def give_back(self, acquired: Sequence[Acquired]) -> None:
        """Nothing of `acquired` is done: whoever is next gets it all."""
        for partition, records in acquired:
            partition.waiting.extendleft(reversed(records))
            self.release(partition)

    def hold(self, partition: PartitionQueue) -> None:
        """Nobody gets its events before `release`."""
        partition.held = True
        self._behind_held += len(partition.waiting)  # they do not count as long as it is held
        self._room.wake(len(partition.waiting))

    def release(self, partition: PartitionQueue) -> None:
        """Whoever is next may work on it."""
        if partition.held:
            partition.held = False
            self._behind_held -= len(partition.waiting)
        partition.free = True
        if partition.waiting:
            self._offer(partition)

    @property
    def _crowded(self) -> bool:
        return self._unsettled - self._behind_held >= sum(self._rooms)

    def _make_room(self, events: int) -> None:
        self._stalled = self._stalled and self._crowded
        self._room.wake(events)

    def _offer(self, partition: PartitionQueue) -> None:
        self._ready.append(partition)
        self._work.wake()

    def _keep(self, records: Iterable[PublishedEvent], keep: int) -> None:
        for record in records:
            self._kept.append(record)
            if len(self._kept) > keep:
                self._kept.popleft()
                self._losses.tell(keep)

    def _spread(self) -> None:
        kept, self._kept = self._kept, deque()
        self._losses.end()
        self.put(kept, 0)

    def _gather(self) -> None:
        """Everything back in one queue; those who wait for room need not wait any longer."""
        self._kept.extend(sorted(record for partition in self._partitions for record in partition.waiting))
        for partition in self._partitions:
            partition.waiting.clear()
            partition.free, partition.held = True, False
        self._ready.clear()
        self._unsettled = self._behind_held = 0
        self._stalled = False
        self._room.wake_all()


def _split(acquired: Sequence[Acquired], outcomes: Sequence[object]) -> Iterator[Sequence[object]]:
    """The outcomes of each of them."""
    start = 0
    for _, records in acquired:
        yield outcomes[start : start + len(records)]
        start += len(records)
