"""The one module that knows aiokafka: its producer and consumer behind our ports, its errors as ours.

Why it and not confluent-kafka: it is native to the event loop, and batches are built by their caller, so that
order per key and the error of each message are in our hand.

The producer is not idempotent: there is never more than one batch on its way into a partition, which keeps
the order, and a batch whose fate is unknown is given up after `REQUEST_LIMIT`. aiokafka's idempotent producer
would try for ever, and could not go on after a batch that the broker refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, errors
from aiokafka import TopicPartition as LibraryPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.protocol.admin import DeleteGroupsRequest

from outboard.sidecar.components.kafka.client import (
    BrokersAway,
    KafkaFailure,
    Listener,
    PartitionLost,
    RecordBatch,
    TooLarge,
    TopicPartition,
)
from outboard.sidecar.components.kafka.connection import connection
from outboard.sidecar.components.kafka.records import Received, Record
from outboard.sidecar.components.kafka.settings import MEBIBYTE, KafkaSettings

__all__ = ["LibraryConsumer", "LibraryProducer", "delete_group"]

REQUEST_LIMIT: Final = 3.5
"""Seconds after which a batch is given up: below the publisher's patience, which then hears the reason."""
CONSUMER_REQUEST_LIMIT: Final = 40.0  # until a broker that vanished is given up; joining is then tried again
REBALANCE_LIMIT: Final = 60.0  # how long the group waits for what its members have in hand
POLL: Final = 1.0
LOOK: Final = 2.0
STOP_LIMIT: Final = 5.0
DELETIONS: Final = 20
BETWEEN_DELETIONS: Final = 0.1
FOREVER: Final = 2**31 - 1  # milliseconds: no message takes so long
ASSIGNORS: Final = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}
KNOWN: Final = {
    errors.MessageSizeTooLargeError: "server: the message is larger than the topic's `max.message.bytes`",
    errors.UnknownTopicOrPartitionError: "server: there is no such topic, and the broker does not make it",
    errors.TopicAuthorizationFailedError: "server: the user is not authorized to use this topic",
    errors.GroupAuthorizationFailedError: "server: the user is not authorized to use this consumer group",
    errors.NotEnoughReplicasError: "server: fewer replicas are in sync than `min.insync.replicas` asks for",
    errors.RequestTimedOutError: "the broker did not answer in time",
    errors.NodeNotReadyError: "the broker cannot be reached",
    errors.NotLeaderForPartitionError: "the partition has no leader that can be reached",
    errors.LeaderNotAvailableError: "the partition has no leader",
}


class LibraryBatch:
    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def add(self, record: Record) -> bool:
        added = self.builder.append(
            timestamp=None, key=record.key, value=record.value, headers=record.headers
        )
        return added is not None


class LibraryProducer:
    def __init__(self, settings: KafkaSettings) -> None:
        self._where = ", ".join(settings.brokers)
        self._producer: Any = AIOKafkaProducer(
            **connection(settings),
            request_timeout_ms=int(REQUEST_LIMIT * 1000),
            acks="all",
            compression_type=settings.compression,
            max_batch_size=min(settings.max_message_bytes, MEBIBYTE),
            max_request_size=settings.max_message_bytes,
        )

    async def start(self) -> None:
        async with _translated(self._where):
            try:
                await self._producer.start()
            except BaseException:
                await self.stop()
                raise

    async def partitions(self, topic: str) -> int:
        async with _translated(self._where):
            return len(await self._producer.partitions_for(topic))

    def new_batch(self) -> LibraryBatch:
        return LibraryBatch(self._producer.create_batch())

    async def send(self, tp: TopicPartition, batch: RecordBatch) -> int:
        assert isinstance(batch, LibraryBatch)
        batch.builder.close()
        async with _translated(self._where):
            delivered = await self._producer.send_batch(batch.builder, tp.topic, partition=tp.partition)
            return int((await delivered).offset)

    async def stop(self) -> None:
        """What is on its way gets a few seconds more."""
        with suppress(TimeoutError, errors.KafkaError):
            async with asyncio.timeout(STOP_LIMIT):
                await self._producer.stop()
                return
        await self._producer.client.close()


class LibraryConsumer:
    def __init__(self, settings: KafkaSettings) -> None:
        self._consumer: Any = AIOKafkaConsumer(
            **connection(settings),
            group_id=settings.group,
            request_timeout_ms=int(CONSUMER_REQUEST_LIMIT * 1000),
            enable_auto_commit=False,
            auto_offset_reset=settings.initial_offset,
            fetch_min_bytes=settings.fetch_min_bytes,
            max_partition_fetch_bytes=settings.fetch_bytes,
            max_poll_interval_ms=FOREVER,
            rebalance_timeout_ms=int(REBALANCE_LIMIT * 1000),
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_interval * 1000),
            partition_assignment_strategy=(ASSIGNORS[settings.strategy],),
        )

    async def start(self) -> None:
        async with _translated():
            await self._consumer.start()
        _fence(self._consumer._coordinator)

    def subscribe(self, topics: Collection[str], listener: Listener) -> None:
        self._consumer.subscribe(list(topics), listener=_Telling(listener))

    async def poll(self) -> Mapping[TopicPartition, Sequence[Received]]:
        async with _translated():
            found = await self._consumer.getmany(timeout_ms=int(POLL * 1000))
        return {TopicPartition(*partition): records for partition, records in found.items()}

    def pause(self, tp: TopicPartition) -> None:
        if tp in self._consumer.assignment():
            self._consumer.pause(LibraryPartition(*tp))

    def resume(self, tp: TopicPartition) -> None:
        if tp in self._consumer.assignment():
            self._consumer.resume(LibraryPartition(*tp))

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        async with _translated():
            try:
                await self._consumer.commit({LibraryPartition(*tp): at for tp, at in offsets.items()})
            except (errors.CommitFailedError, errors.IllegalStateError) as error:
                raise PartitionLost("the partition belongs to another member of the group by now") from error

    async def committed(self, tp: TopicPartition) -> int | None:
        async with _translated():
            offset: int | None = await self._consumer.committed(LibraryPartition(*tp))
            return offset

    async def position(self, tp: TopicPartition) -> int:
        async with _translated():
            offset: int = await self._consumer.position(LibraryPartition(*tp))
            return offset

    async def beginning(self, tp: TopicPartition) -> int:
        async with _translated():
            place = LibraryPartition(*tp)
            found: int = (await self._consumer.beginning_offsets([place]))[place]
            return found

    def missing(self, topics: Collection[str]) -> Collection[str]:
        return [topic for topic in topics if not self._consumer.partitions_for_topic(topic)]

    async def look_for(self, topic: str) -> None:
        """Asking for an offset of a topic that is not known makes aiokafka refresh what it knows."""
        with suppress(errors.KafkaError, TimeoutError):
            async with asyncio.timeout(LOOK):
                await self._consumer.beginning_offsets([TopicPartition(topic, 0)])

    async def stop(self) -> None:
        with suppress(errors.KafkaError, TimeoutError):
            async with asyncio.timeout(STOP_LIMIT):
                await self._consumer.stop()


async def delete_group(settings: KafkaSettings) -> None:
    """Delete the group of `settings`, which has no member any more. Raises KafkaFailure.

    What was on its way would make it anew, or keep it: so it is deleted until the broker knows no such group.
    """
    async with _translated(", ".join(settings.brokers)):
        admin: Any = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=int(REQUEST_LIMIT * 1000))
        try:
            await admin.start()
            coordinator = await admin.find_coordinator(settings.group)
            for _ in range(DELETIONS):
                # aiokafka has the request, and no method that sends it.
                answer = await admin._send_request_to_node(coordinator, DeleteGroupsRequest([settings.group]))
                ((name, code),) = answer.results
                if code == errors.GroupIdNotFound.errno:
                    return
                if code not in (0, errors.NonEmptyGroup.errno):
                    reason = errors.for_code(code).__name__
                    raise KafkaFailure(f"kafka: group {name} is not deleted: {reason}")
                await asyncio.sleep(BETWEEN_DELETIONS)
        finally:
            await admin.close()
    raise KafkaFailure(f"kafka: group {settings.group} still has a member, or comes back when it is deleted")


class _Telling(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, revoked: Collection[LibraryPartition]
    ) -> None:
        await self._listener.revoked()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Collection[LibraryPartition]
    ) -> None:
        await self._listener.assigned([TopicPartition(*partition) for partition in assigned])


def _fence(coordinator: Any) -> None:
    """Let nothing be committed by who is no member any more.

    A member that learns that the group goes on without it forgets who it was, and aiokafka would then commit
    in nobody's name. A broker takes that as soon as the group is empty: one that was frozen would undo what
    others have settled meanwhile.
    """
    commit = coordinator._do_commit_offsets

    async def fenced(assignment: object, offsets: object) -> None:
        # It is a task of its own that outlives whoever waits for it, and then fails unheard.
        if (task := asyncio.current_task()) is not None:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if coordinator.generation < 0:
            raise errors.IllegalGenerationError(coordinator.group_id)
        await commit(assignment, offsets)

    coordinator._do_commit_offsets = fenced


@asynccontextmanager
async def _translated(where: str = "") -> AsyncIterator[None]:
    """`where` are the brokers, for what only says that they are away."""
    try:
        yield
    except errors.MessageSizeTooLargeError as error:
        raise TooLarge(_message(error)) from error
    except errors.KafkaError as error:
        if error.retriable:
            raise BrokersAway(f"{_message(error)} ({where})" if where else _message(error)) from error
        raise KafkaFailure(_message(error)) from error
    except UnicodeDecodeError as error:
        text = "kafka: a record has a header whose name is no UTF-8: nothing behind it is read"
        raise KafkaFailure(text) from error


def _message(error: errors.KafkaError) -> str:
    text = next((known for kind, known in KNOWN.items() if isinstance(error, kind)), str(error))
    return f"kafka {text}" if text.startswith("server: ") else f"kafka: {text}"
