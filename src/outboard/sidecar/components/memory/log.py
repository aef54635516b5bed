"""`pubsub.in-memory` with partitions: a log in this process, as Kafka's, without its durability.

- Events of one key (`partitionKey` of the metadata) are in one partition, and so in order; those without a
  key are spread. Partitions are worked on concurrently, each event after the one before it.
- Every app, or consumer group (`consumerID`), gets every event; consumers of one group share the partitions.
- Batches are handed over as they are: what waits is sent when the batch before it is done, two at a time.
- An event that is not acknowledged is delivered again after `backOffDuration`, for ever; its partition waits.
- A group that has as many events as its consumers can hold (two batches, or two events a partition, and 64
  at least) makes publishing wait. Where nothing moves then, its handlers may be those who publish: more is
  taken, up to a bound.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, count
from typing import Final

from outboard.clock import Clock
from outboard.sidecar.components.memory.group import (
    ABSENT_QUEUE,
    Acquired,
    Group,
    PartitionQueue,
    PublishedEvent,
)
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Message,
    MessageHandler,
    PubSubTraits,
)
from outboard.sidecar.components.pubsub.partitioned import partition_of, takes_one
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["PartitionedBroker", "PartitionedPubSub", "matches"]

BATCHES_AT_ONCE: Final = 2
LEAST_ROOM: Final = 64


class PartitionedBroker:
    """The topics of one component; shared by the sidecars of a process."""

    def __init__(self) -> None:
        self.partitions = 1
        self._groups: list[Group] = []
        self._history: dict[str, deque[PublishedEvent]] = {}
        self._backlog = 0
        self._offsets = count()
        self._handing_over = 0

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """Consumers that end in the block find their group as they left it, until it ends."""
        self._handing_over += 1
        try:
            yield
        finally:
            self._handing_over -= 1
            if not self._keeps:
                self._groups = [group for group in self._groups if group.attached]

    @property
    def _keeps(self) -> bool:
        """Whether a group that nobody is in any more is kept."""
        return bool(self._backlog or self._handing_over)

    @property
    def _kept_at_most(self) -> int:
        """How many events wait for a group that nobody is in."""
        return sys.maxsize if self._handing_over else max(ABSENT_QUEUE, self._backlog)

    def keep(self, partitions: int, backlog: int) -> None:
        """From now on there are so many partitions, and at least `backlog` events of each topic are kept.

        The partitions of a topic that has events already must stay as many.
        """
        self.partitions = partitions
        if backlog > self._backlog:
            self._backlog = backlog
            self._history = {topic: deque(kept, backlog) for topic, kept in self._history.items()}

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Give `messages` to all groups of `topic` at once, when each has room."""
        while full := next((group for group in self._of(topic) if group.full), None):
            await full.room()
        groups, keep = self._of(topic), self._kept_at_most
        records = [self._record(message) for message in messages]
        for group in groups:
            group.put(records, keep)
        if self._backlog:
            self._history.setdefault(topic, deque(maxlen=self._backlog)).extend(records)

    @contextmanager
    def consumer(self, name: str, topic: str, room: int) -> Iterator[Group]:
        """Take part in group `name`; one that nobody is in any more is kept only where there is a backlog."""
        group = self._group(name, topic)
        try:
            with group.consumer(room):
                yield group
        finally:
            if not self._keeps and not group.attached:
                self._groups.remove(group)

    def _record(self, message: Message) -> PublishedEvent:
        offset, key = next(self._offsets), message.metadata.get(PARTITION_KEY)
        partition = partition_of(key, self.partitions) if key else offset % self.partitions
        if message.place is not None:
            message.place.partition, message.place.offset = str(partition), str(offset)
            if message.known is None:  # the same place is somebody else's once the process is started anew
                message = message._replace(place=None)
        return offset, partition, message

    def _of(self, topic: str) -> list[Group]:
        return [group for group in self._groups if matches(group.topic, topic)]

    def _group(self, name: str, topic: str) -> Group:
        for group in self._groups:
            if (group.name, group.topic) == (name, topic):
                return group
        kept = (records for each, records in self._history.items() if matches(topic, each))
        made = Group(name, topic, self.partitions, sorted(chain.from_iterable(kept)))
        self._groups.append(made)
        return made


class PartitionedPubSub:
    """The view that the sidecar of one app has of a broker. `group` is the app's."""

    traits = PubSubTraits(
        features=frozenset({"SUBSCRIBE_WILDCARDS"}),
        redelivers=True,
        orders_bulk=True,
        remembers_settled=True,
    )

    def __init__(
        self,
        broker: PartitionedBroker,
        group: str,
        backoff: float,
        clock: Clock,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._release = release
        self._group = group
        self._backoff = backoff
        self._clock = clock

    async def publish(self, topic: str, message: Message) -> None:
        """Return once every group has the event; wait for room where one has too many."""
        await self._broker.publish(topic, (message,))

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """As `publish`: all of them or, where it is cancelled, none."""
        await self._broker.publish(topic, messages)
        return {}

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        """Run until cancelled, with one event of each partition at a time."""
        partitions, one = self._broker.partitions, takes_one(handle)
        with self._broker.consumer(self._group, topic, max(2 * partitions, LEAST_ROOM)) as group:
            subscribed()
            async with asyncio.TaskGroup() as workers:
                for _ in range(partitions):
                    workers.create_task(self._work(group, 1, 1, one, workers))

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        """Run until cancelled, with two batches at a time, each of half of the partitions at most."""
        most, share = bounds.max_messages, -(-self._broker.partitions // BATCHES_AT_ONCE)
        with self._broker.consumer(self._group, topic, BATCHES_AT_ONCE * most) as group:
            subscribed()
            async with asyncio.TaskGroup() as workers:
                for _ in range(BATCHES_AT_ONCE):
                    workers.create_task(self._work(group, most, share, handle, workers))

    def handing_over(self) -> AbstractContextManager[None]:
        """What waits for a consumer that ends in the block is there for one that begins in it."""
        return self._broker.handing_over()

    async def close(self) -> None:
        """The broker belongs to the process."""
        self._release()

    async def _work(
        self, group: Group, most: int, share: int, handle: BulkHandler, workers: asyncio.TaskGroup
    ) -> None:
        """Handle `most` events of at most `share` partitions, again and again."""
        while True:
            for partition in await _handle(group, await group.take(most, share), handle):
                group.hold(partition)
                backoff = workers.create_task(self._clock.sleep(self._backoff))
                backoff.add_done_callback(_releasing(group, partition))


def _releasing(group: Group, partition: PartitionQueue) -> Callable[[asyncio.Task[None]], None]:
    return lambda _: group.release(partition)


async def _handle(group: Group, acquired: Sequence[Acquired], handle: BulkHandler) -> list[PartitionQueue]:
    """The partitions with an event that is not settled; the others are released."""
    try:
        outcomes = await handle([record[2] for _, records in acquired for record in records])
    except BaseException:
        group.give_back(acquired)
        raise
    if any(outcomes):
        return group.settle(acquired, outcomes)
    group.settle_all(acquired)
    return []


def matches(pattern: str, topic: str) -> bool:
    """Whether a subscription to `pattern` takes `topic`: a trailing `*` stands for at least one character."""
    if pattern.endswith("*"):
        return len(topic) >= len(pattern) and topic.startswith(pattern[:-1])
    return pattern == topic
