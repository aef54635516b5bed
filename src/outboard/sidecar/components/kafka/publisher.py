"""Publishing: each message is put on the way into its partition, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from outboard.sidecar.components.kafka.client import KafkaFailure, ProducerClient, TopicPartition
from outboard.sidecar.components.kafka.partition_producer import HELD_BACK, PartitionProducer
from outboard.sidecar.components.kafka.partitioner import PartitionOutOfRange, partition_for
from outboard.sidecar.components.kafka.records import Record, check_topic, to_record
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.port import ComponentError, Message

__all__ = ["PATIENCE", "KafkaPublisher"]

PATIENCE: Final = 4.0
"""Seconds until a publish fails: below the kit's own limit, so that it hears the reason."""


class KafkaPublisher:
    """`random` gives numbers from 0 to below 1, for messages without a key."""

    def __init__(
        self, producer: ProducerClient, settings: KafkaSettings, random: Callable[[], float]
    ) -> None:
        self._producer = producer
        self._settings = settings
        self._random = random
        self._producers: dict[TopicPartition, PartitionProducer] = {}

    async def publish(self, topic: str, message: Message) -> None:
        """Raises ComponentError."""
        record = to_record(message, self._settings)
        async with self._in_time():
            tp = await self._tp(topic, record)
            errors = await self._producer_of(tp).put([(0, record)])
        if errors:
            raise errors[0]

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """The errors by position. Of each key what comes after a failure is not published."""
        records, errors = self._records(messages)
        under_way: list[tuple[asyncio.Future[dict[int, ComponentError]], list[int]]] = []
        try:
            async with self._in_time():
                for tp, entries in (await self._tps(topic, records, errors)).items():
                    done = self._producer_of(tp).put(entries)
                    under_way.append((done, [position for position, _ in entries]))
                await asyncio.gather(*(done for done, _ in under_way))
        except ComponentError as error:
            if not under_way:
                return dict.fromkeys(records, error) | errors
            late = (each for done, positions in under_way if done.cancelled() for each in positions)
            errors |= dict.fromkeys(late, error)
        for done, _ in under_way:
            errors |= {} if done.cancelled() else done.result()
        return errors

    async def close(self) -> None:
        for producer in tuple(self._producers.values()):
            await producer.close()
        await self._producer.stop()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE):
                yield
        except TimeoutError as error:
            where = ", ".join(self._settings.brokers)
            raise KafkaFailure(
                f"kafka: no acknowledgement from the brokers ({where}) within {PATIENCE:g} s; "
                "the message may still be published"
            ) from error

    def _records(self, messages: Sequence[Message]) -> tuple[dict[int, Record], dict[int, ComponentError]]:
        records, errors = dict[int, Record](), dict[int, ComponentError]()
        failed = set[str]()
        for position, message in enumerate(messages):
            key = message.metadata.get("partitionKey", message.metadata.get("__key"))
            try:
                record = to_record(message, self._settings)
            except ComponentError as error:
                errors[position] = error
                if key is not None:
                    failed.add(key)
                continue
            if key in failed:
                errors[position] = ComponentError(HELD_BACK)
            else:
                records[position] = record
        return records, errors

    async def _tp(self, topic: str, record: Record) -> TopicPartition:
        try:
            partition = partition_for(
                record.key, record.partition, await self._partitions(topic), self._random
            )
        except PartitionOutOfRange as error:
            raise ComponentError(str(error)) from error
        return TopicPartition(topic, partition)

    async def _tps(
        self, topic: str, records: Mapping[int, Record], errors: dict[int, ComponentError]
    ) -> Mapping[TopicPartition, Sequence[tuple[int, Record]]]:
        """The records by partition, in order; what goes to none is put into `errors`. Raises KafkaFailure."""
        tps: dict[TopicPartition, list[tuple[int, Record]]] = {}
        count = await self._partitions(topic) if records else 0
        for position, record in records.items():
            try:
                partition = partition_for(record.key, record.partition, count, self._random)
            except PartitionOutOfRange as error:
                errors[position] = ComponentError(str(error))
            else:
                tps.setdefault(TopicPartition(topic, partition), []).append((position, record))
        return tps

    async def _partitions(self, topic: str) -> int:
        check_topic(topic)
        return await self._producer.partitions(topic)

    def _producer_of(self, tp: TopicPartition) -> PartitionProducer:
        producer = self._producers.get(tp)
        if producer is None:
            producer = self._producers[tp] = PartitionProducer(tp, self._producer)
        return producer
