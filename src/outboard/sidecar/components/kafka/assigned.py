"""The partitions that this member of the group has now, each with a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from outboard.sidecar.components.kafka.client import TopicPartition
from outboard.sidecar.components.kafka.partition_consumer import PartitionConsumer
from outboard.sidecar.components.kafka.records import Received
from outboard.sidecar.components.kafka.topics import TopicHandler

__all__ = ["AssignedPartitions"]


class AssignedPartitions:
    """`new` makes the consumer of a partition; `failed` is told what ended one that should have gone on."""

    def __init__(
        self,
        new: Callable[[TopicPartition], PartitionConsumer | None],
        failed: Callable[[TopicHandler, BaseException], None],
    ) -> None:
        self._new = new
        self._failed = failed
        self._partitions: dict[TopicPartition, PartitionConsumer] = {}
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._dropped: set[TopicPartition] = set()
        self._ceased = False

    def put(self, arrived: Mapping[TopicPartition, Sequence[Received]]) -> None:
        for tp, records in () if self._ceased else arrived.items():
            partition = self._partitions.get(tp) or (None if tp in self._dropped else self._begin(tp))
            if partition is not None:
                partition.put(records)

    async def end(self, grace: float) -> None:
        """Hand over nothing more; what is being handled may take `grace` seconds, then it is cancelled."""
        await self._end(tuple(self._partitions), grace)
        self._dropped.clear()
        self._ceased = False

    async def cease(self, grace: float) -> None:
        """As `end`, and nothing that arrives is handed over until they are revoked: `end` is called then."""
        self._ceased = True
        await self._end(tuple(self._partitions), grace)

    async def drop(self, handler: TopicHandler) -> None:
        """End those of one subscription at once.

        What they had in memory is gone, so that nobody may go on behind it until they are assigned anew.
        """
        tps = [tp for tp, each in self._partitions.items() if each.handler is handler]
        self._dropped.update(tps)
        await self._end(tps, 0)

    def _begin(self, tp: TopicPartition) -> PartitionConsumer | None:
        partition = self._new(tp)
        if partition is not None:
            self._partitions[tp] = partition
            task = self._tasks[tp] = asyncio.create_task(partition.run())
            task.add_done_callback(lambda task: self._ended(partition.handler, task))
        return partition

    def _ended(self, handler: TopicHandler, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(handler, error)

    async def _end(self, tps: Iterable[TopicPartition], grace: float) -> None:
        ending = {tp: self._tasks[tp] for tp in tps}
        try:
            busy = {task for tp, task in ending.items() if self._partitions[tp].finish()}
            for task in ending.values():
                if not grace or task not in busy:
                    task.cancel()
            if ending:
                await asyncio.wait(ending.values(), timeout=grace or None)
        finally:
            for tp, task in ending.items():
                task.cancel()
                self._partitions.pop(tp, None)
                self._tasks.pop(tp, None)
        await asyncio.gather(*ending.values(), return_exceptions=True)
