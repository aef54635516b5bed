"""`pubsub.in-memory`: topics in this process.

As daprd's: every subscription gets every event, one after the other, in the order of publishing; what is
published before anybody subscribes is gone; a failed event is lost. Three things differ from daprd's:

- Sidecars of one process share the topics of a component of the same name.
- A consumer that is slower than its publishers holds at most `CONSUMER_QUEUE` events; then publishing waits
  (daprd waits at the first).
- With the metadata item `backlog` (default 0: as daprd's) the component behaves like a log: that many of the
  most recent events per topic are handed to a consumer that subscribes for the first time, and a consumer
  that went away finds its own queue again when it comes back, the event that it was handling included.
  While it is away its queue keeps the most recent `CONSUMER_QUEUE` or `backlog` events, whichever is more.

- With the metadata item `partitions` it is a partitioned log in memory, which `memory.log` has.

daprd ignores these items, so one file serves both.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.memory.log import PartitionedBroker, PartitionedPubSub, matches
from outboard.sidecar.components.memory.loss_warnings import BacklogWarnings
from outboard.sidecar.components.metadata.backoff import read_pause
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import Message, MessageHandler, NotAcknowledged, PubSubTraits

__all__ = ["METADATA", "Broker", "InMemoryPubSub", "check", "create"]

logger = logging.getLogger(__name__)

METADATA: Final = KnownMetadata(("backlog", "backOffDuration", "partitions"))
MOST_PARTITIONS: Final = 1_024
BACKOFF: Final = 5.0
CONSUMER_QUEUE: Final = 1_000
ROOM_AGAIN: Final = CONSUMER_QUEUE // 2


class _Consumer:
    """The queue of one subscription of one app; `attached` while somebody takes from it."""

    def __init__(self, app_id: str, topic: str) -> None:
        self.app_id = app_id
        self.topic = topic
        self.attached = True
        self._losses = BacklogWarnings(app_id, topic)
        self._queue: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    def wants(self, topic: str) -> bool:
        return matches(self.topic, topic)

    @property
    def full(self) -> bool:
        return self.attached and len(self._queue) >= CONSUMER_QUEUE

    async def room(self) -> None:
        """Return when the queue is half empty: at each free place, all who wait would wake for one."""
        self._taken.clear()
        await self._taken.wait()

    def put(self, message: Message, keep: int) -> None:
        """Append; the queue of an absent consumer keeps the most recent `keep`."""
        if not self.attached and len(self._queue) >= keep:
            self._queue.popleft()
            self._losses.tell(keep)
        self._queue.append(message)
        self._arrived.set()

    def attach(self) -> None:
        self.attached = True
        self._losses.end()

    def detach(self) -> None:
        self.attached = False
        self._taken.set()

    async def first(self) -> Message:
        """The oldest event, which stays in the queue until `settle`."""
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue[0]

    def settle(self) -> None:
        self._queue.popleft()
        if len(self._queue) <= ROOM_AGAIN:
            self._taken.set()


class Broker:
    """The topics of one component; shared by the sidecars of a process."""

    def __init__(self) -> None:
        self._consumers: list[_Consumer] = []
        self._history: dict[str, deque[tuple[int, Message]]] = {}
        self._backlog = 0
        self._sequence = count()
        self._handing_over = 0

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """Consumers that end in the block find their queues again, until it ends."""
        self._handing_over += 1
        try:
            yield
        finally:
            self._handing_over -= 1
            if not self._keeps:
                self._consumers = [consumer for consumer in self._consumers if consumer.attached]

    @property
    def _keeps(self) -> bool:
        """Whether the queue of a consumer that ends is kept."""
        return bool(self._backlog or self._handing_over)

    @property
    def _kept_at_most(self) -> int:
        """How many events wait for a consumer that is away."""
        return sys.maxsize if self._handing_over else max(CONSUMER_QUEUE, self._backlog)

    def keep(self, backlog: int) -> None:
        """Keep at least `backlog` events of each topic from now on."""
        if backlog > self._backlog:
            self._backlog = backlog
            self._history = {topic: deque(kept, backlog) for topic, kept in self._history.items()}

    async def publish(self, topic: str, message: Message) -> None:
        """Give `message` to all consumers of `topic` at once, when each has room."""
        while full := next((consumer for consumer in self._of(topic) if consumer.full), None):
            await full.room()
        for consumer in self._of(topic):
            consumer.put(message, self._kept_at_most)
        if self._backlog:
            history = self._history.setdefault(topic, deque(maxlen=self._backlog))
            history.append((next(self._sequence), message))

    @contextmanager
    def consumer(self, app_id: str, topic: str) -> Iterator[_Consumer]:
        """A place in the queue of `topic`: the one that `app_id` left, else a new one."""
        consumer = self._returning(app_id, topic) or self._new(app_id, topic)
        try:
            yield consumer
        finally:
            consumer.detach()
            if not self._keeps:
                self._consumers.remove(consumer)

    def _of(self, topic: str) -> list[_Consumer]:
        return [consumer for consumer in self._consumers if consumer.wants(topic)]

    def _returning(self, app_id: str, topic: str) -> _Consumer | None:
        for consumer in self._consumers:
            if not consumer.attached and (consumer.app_id, consumer.topic) == (app_id, topic):
                consumer.attach()
                return consumer
        return None

    def _new(self, app_id: str, topic: str) -> _Consumer:
        consumer = _Consumer(app_id, topic)
        kept = (entry for name, entries in self._history.items() if consumer.wants(name) for entry in entries)
        for _, message in sorted(kept, key=lambda entry: entry[0]):
            consumer.put(message, self._backlog)
        self._consumers.append(consumer)
        return consumer


class InMemoryPubSub:
    """The view that one app's sidecar has of a broker."""

    traits = PubSubTraits(
        features=frozenset({"SUBSCRIBE_WILDCARDS"}),
        serial="pubsub.in-memory without `partitions` hands over one event when the one before it is done. "
        "Give the component `partitions`, or ask for no bulk",
    )

    def __init__(self, broker: Broker, app_id: str, release: Callable[[], None] = lambda: None) -> None:
        self._broker = broker
        self._app_id = app_id
        self._release = release

    async def publish(self, topic: str, message: Message) -> None:
        """Return once every subscription has the event in its queue; wait for room where one is full."""
        await self._broker.publish(topic, message)

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        """Run until cancelled. A trailing `*` takes every topic that begins so and goes on."""
        with self._broker.consumer(self._app_id, topic) as consumer:
            subscribed()
            while True:
                message = await consumer.first()
                try:
                    await handle(message)
                except NotAcknowledged as error:
                    lost = "error handling message on in-memory topic '%s': it is lost: %s"
                    logger.error(lost, topic, error)  # noqa: TRY400
                consumer.settle()

    def handing_over(self) -> AbstractContextManager[None]:
        """What waits for a consumer that ends in the block is there for one that begins in it."""
        return self._broker.handing_over()

    async def close(self) -> None:
        """The broker belongs to the process."""
        self._release()


@dataclass
class _Shape:
    """What the sidecars of a process must agree on about one component: its number of partitions, if any."""

    partitions: int = 0
    holders: list[str] = field(default_factory=list)
    """The apps whose sidecars have it; one that is about to be replaced twice."""

    def hold(self, app_id: str, partitions: int) -> Callable[[], None]:
        """What gives it back."""
        self.partitions = partitions
        self.holders.append(app_id)
        return lambda: self.holders.remove(app_id)


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting."""
    _settings(properties)


def _settings(properties: Properties) -> tuple[int, int, float]:
    """`backlog`, `partitions` and the pause, in this order. Raises ComponentInitFailed."""
    backoff = read_pause(properties, properties.string, "backOffDuration", BACKOFF)
    return properties.whole_number("backlog", 0), _partitions(properties), backoff


async def create(properties: Properties, context: ComponentContext) -> InMemoryPubSub | PartitionedPubSub:
    """Raises ComponentInitFailed where `backlog` is not a whole number from 0, or `partitions` one from 1."""
    memory, name = context.memory, properties.component.name
    backlog, partitions, backoff = _settings(properties)
    shape = memory.of(_Shape, name)
    if shape.partitions != partitions:
        _refuse_others(shape, properties, context.app_id)
        memory.forget(Broker, name)  # events of the one cannot be put into the other
        memory.forget(PartitionedBroker, name)
    release = shape.hold(context.app_id, partitions)
    if not partitions:
        broker = memory.of(Broker, name)
        broker.keep(backlog)
        return InMemoryPubSub(broker, context.app_id, release)
    log = memory.of(PartitionedBroker, name)
    log.keep(partitions, backlog)
    group = properties.string("consumerID", default=context.app_id)
    return PartitionedPubSub(log, group, backoff, context.clock, release)


def _refuse_others(shape: _Shape, properties: Properties, app_id: str) -> None:
    """Raises ComponentInitFailed where other sidecars of this process have the component otherwise."""
    others = sorted({each for each in shape.holders if each != app_id})
    if others:
        who = f"the sidecar of {others[0]}" if len(others) == 1 else f"the sidecars of {', '.join(others)}"
        reason = f"{who}, in this process, has it with `partitions` {shape.partitions}"
        advice = (
            "Write the same number in each file, 0 for none. Where you have changed it: it counts once all "
            "of them begin anew, so start again."
        )
        raise properties.failure(reason, advice, "partitions")


def _partitions(properties: Properties) -> int:
    """0 where there are none: then the component is as daprd's."""
    partitions = properties.whole_number("partitions", 0)
    if partitions > MOST_PARTITIONS:
        reason = f"`partitions` is more than {MOST_PARTITIONS}"
        raise properties.failure(reason, "Write a smaller number.", "partitions")
    return partitions
