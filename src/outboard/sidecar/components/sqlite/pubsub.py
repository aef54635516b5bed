"""`pubsub.sqlite`: topics in a file, as a log that behaves like Kafka's. Outboard's own; daprd has no such.

An event is acknowledged when it is on the disk. Events of one key (`partitionKey`) lie in one partition, in
their order; each consumer group gets every event once or more often; the members of a group, in one process
or in several, share its partitions. An event that is not handled comes again, and its partition waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from outboard.host.processes import has_ended, process_identity
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Message,
    MessageHandler,
    PubSubTraits,
)
from outboard.sidecar.components.pubsub.partitioned import takes_one
from outboard.sidecar.components.sqlite.log import positions
from outboard.sidecar.components.sqlite.log.consumer import ConsumerLimits, LogConsumer
from outboard.sidecar.components.sqlite.log.coordinator import Subscriber
from outboard.sidecar.components.sqlite.log.liveness import Observer
from outboard.sidecar.components.sqlite.log.log import Log, opened
from outboard.sidecar.components.sqlite.log.settings import METADATA, LogSettings, read_settings

__all__ = ["METADATA", "SqlitePubSub", "check", "create", "open_log"]

LEAST_READ_AHEAD = 32
MOST_READ_AHEAD = 1_000
"""Events of one partition."""
READ_AHEAD = 4_096
"""Events of a topic, where they are handed over one by one."""
BATCHES_AT_ONCE = 2
"""One is handled while the next is on its way; what comes meanwhile goes together."""


class SqlitePubSub:
    """The view that one app's sidecar has of a log."""

    traits = PubSubTraits(
        features=frozenset({"BULK_PUBSUB"}), redelivers=True, orders_bulk=True, remembers_settled=True
    )

    def __init__(self, log: Log, context: ComponentContext, stack: AsyncExitStack) -> None:
        self._log = log
        self._context = context
        self._stack = stack

    async def publish(self, topic: str, message: Message) -> None:
        """Return once the event is on the disk. Raises ComponentError."""
        await self._log.append(topic, [message])

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """All or nothing, in one transaction: the error, where there is one, is that of each."""
        try:
            await self._log.append(topic, messages)
        except ComponentError as error:
            return dict.fromkeys(range(len(messages)), error)
        return {}

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        """Run until cancelled: of each partition one event at a time. Raises ComponentError."""
        partitions = self._log.settings.partitions
        limits = ConsumerLimits(
            batch=1, calls=partitions, capacity=max(READ_AHEAD // partitions, LEAST_READ_AHEAD)
        )
        await self._subscribe(topic, limits, takes_one(handle), subscribed)

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        """Run until cancelled, in batches of what is there: `max_await` is never waited for."""
        ahead = min(max(2 * bounds.max_messages, LEAST_READ_AHEAD), MOST_READ_AHEAD)
        limits = ConsumerLimits(batch=bounds.max_messages, calls=BATCHES_AT_ONCE, capacity=ahead)
        await self._subscribe(topic, limits, handle, subscribed)

    async def remove_group(self, topic: str) -> None:
        """As `GroupRemoval`."""
        group, found = self._log.settings.group, await self._log.topic(topic)
        await self._log.writer.do(lambda connection: positions.remove(connection, group, found))

    async def close(self) -> None:
        await self._stack.aclose()

    async def _subscribe(
        self, topic: str, limits: ConsumerLimits, handle: BulkHandler, subscribed: Callable[[], None]
    ) -> None:
        settings, context, here = self._log.settings, self._context, process_identity()
        subscriber = Subscriber(settings.group, await self._log.topic(topic), here, self._log.port)
        observer = Observer(settings.session_timeout, context.monotonic, lambda other: has_ended(other, here))
        consumer = LogConsumer(self._log, subscriber, limits, handle, observer, context.random)
        await consumer.run(subscribed)


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting."""
    read_settings(properties)


async def create(properties: Properties, context: ComponentContext) -> SqlitePubSub:
    """Raises ComponentInitFailed for a wrong setting, ComponentError where the file cannot be used."""
    settings = read_settings(properties)
    return await open_log(replace(settings, path=context.directory / settings.path), context)


async def open_log(settings: LogSettings, context: ComponentContext) -> SqlitePubSub:
    """Raises ComponentError where the file cannot be used."""
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(opened(settings, context.clock))
        return SqlitePubSub(log, context, stack.pop_all())
