"""One consumer at work: from joining its group to leaving it, or to the failure that ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final

from outboard.sidecar.components.kafka.assigned import AssignedPartitions
from outboard.sidecar.components.kafka.client import ConsumerClient, KafkaFailure, TopicPartition
from outboard.sidecar.components.kafka.offsets import Offsets
from outboard.sidecar.components.kafka.partition_consumer import PartitionConsumer
from outboard.sidecar.components.kafka.redelivery import RetryContext
from outboard.sidecar.components.kafka.topics import TopicHandler, Topics

__all__ = ["Session"]

logger = logging.getLogger(__name__)

GRACE: Final = 45.0
"""Seconds that what is being handled may take when partitions are revoked: the group waits 60 s for us."""

COMMIT_LIMIT: Final = 5.0
GATHERING: Final = 0.05  # seconds: subscriptions that change together make one change
LOOK_EVERY: Final = 1.0


class Session:
    """Listens to its consumer, which tells of the partitions that come and go."""

    def __init__(self, consumer: ConsumerClient, topics: Topics, retry_context: RetryContext) -> None:
        self._consumer = consumer
        self._topics = topics
        self._retry_context = retry_context
        self._offsets = Offsets(consumer.commit, retry_context.clock.sleep)
        self._partitions = AssignedPartitions(self._new_partition, topics.fail)
        self._changed = asyncio.Event()
        self._positioning: set[asyncio.Task[None]] = set()
        self._subscribed: Collection[str] = ()

    async def run(self) -> None:
        """Until cancelled: then what is being handled is cancelled too. Raises KafkaFailure."""
        try:
            await self._consumer.start()
            self._changed.set()
            async with _beside(self._follow(), self._offsets.commit_forever(), self._look_for_missing()):
                while True:
                    self._partitions.put(await self._consumer.poll())
        except KafkaFailure:
            await self._partitions.end(GRACE)
            raise
        finally:
            for task in self._positioning:
                task.cancel()
            await self._partitions.end(0)
            await self._commit()
            await self._consumer.stop()

    def topics_changed(self) -> None:
        """Join the group again, for the topics that there are now."""
        self._changed.set()

    async def drop(self, handler: TopicHandler) -> None:
        """Hand over nothing more to it; what is being handled is cancelled."""
        await self._partitions.drop(handler)

    async def revoked(self) -> None:
        await self._partitions.end(GRACE)
        await self._commit()
        self._offsets.forget()

    async def assigned(self, tps: Collection[TopicPartition]) -> None:
        names = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(tps))
        logger.info(
            "consumer group '%s': assigned %s", self._retry_context.settings.group, names or "no partition"
        )
        task = asyncio.create_task(self._begin(tps, self._subscribed))
        self._positioning.add(task)
        task.add_done_callback(self._positioning.discard)

    async def _begin(self, tps: Collection[TopicPartition], topics: Collection[str]) -> None:
        if self._retry_context.settings.initial_offset == "latest":
            await asyncio.gather(*map(self._hold_on_to, tps))
        self._topics.ready(topics)

    async def _hold_on_to(self, tp: TopicPartition) -> None:
        """Commit where a group begins that has committed nothing, so that whoever gets the partition next
        begins there too, and not behind what has come by then."""
        try:
            if await self._consumer.committed(tp) is None:
                position = await self._consumer.position(tp)
                self._offsets.settle(tp, position)
                self._tell_skipped(tp, position, position - await self._consumer.beginning(tp))
        except KafkaFailure as error:
            logger.warning("the beginning of %s/%s is not committed: %s", *tp, error)

    def _tell_skipped(self, tp: TopicPartition, position: int, events: int) -> None:
        if events > 0:
            logger.warning(
                "consumer group '%s' had committed nothing for partition %d of '%s': it begins at offset %d, "
                "and the %d events before it are skipped (`initialOffset: newest`)",
                self._retry_context.settings.group, tp.partition, tp.topic, position, events,
            )  # fmt: skip

    def _new_partition(self, tp: TopicPartition) -> PartitionConsumer | None:
        handler = self._topics.current(tp.topic)
        if handler is None:
            return None
        return PartitionConsumer(tp, handler, self._retry_context, self._offsets.settle, self._fetch)

    def _fetch(self, tp: TopicPartition, more: bool) -> None:
        (self._consumer.resume if more else self._consumer.pause)(tp)

    async def _commit(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMIT_LIMIT):
                await self._offsets.commit()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            await self._retry_context.clock.sleep(GATHERING)
            self._changed.clear()
            if self._topics.names:
                if (
                    self._subscribed
                ):  # once others are asked for, nothing of those there were can be committed
                    await self._partitions.cease(GRACE)
                    await self._commit()
                self._subscribed = self._topics.names
                self._consumer.subscribe(self._subscribed, self)

    async def _look_for_missing(self) -> None:
        """A topic that the broker does not make by itself is asked for until it is there."""
        told = set[str]()
        while True:
            await self._retry_context.clock.sleep(LOOK_EVERY)
            for topic in self._consumer.missing(self._topics.names):
                await self._consumer.look_for(topic)
                if topic in self._consumer.missing([topic]) and topic not in told:
                    told.add(topic)
                    logger.warning("topic '%s' is not on the broker: its subscription waits for it", topic)


@asynccontextmanager
async def _beside(*jobs: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run `jobs` as long as the block; one that fails is told of at its end."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error("a part of the consumer failed", exc_info=outcome)
