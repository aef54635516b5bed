"""The partitions that this member of the group has now, each with a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from outboard.sidecar.components.kafka.client import Place
from outboard.sidecar.components.kafka.partition_consumer import Partition, Subscription
from outboard.sidecar.components.kafka.records import Received

__all__ = ["AssignedPartitions"]


class AssignedPartitions:
    """`new` makes the partition of a place; `failed` is told what ended one that should have gone on."""

    def __init__(
        self,
        new: Callable[[Place], Partition | None],
        failed: Callable[[Subscription, BaseException], None],
    ) -> None:
        self._new = new
        self._failed = failed
        self._partitions: dict[Place, Partition] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._dropped: set[Place] = set()

    def put(self, arrived: Mapping[Place, Sequence[Received]]) -> None:
        for place, records in arrived.items():
            partition = self._partitions.get(place) or (
                None if place in self._dropped else self._begin(place)
            )
            if partition is not None:
                partition.put(records)

    async def end(self, grace: float) -> None:
        """Hand over nothing more; what is being handled may take `grace` seconds, then it is cancelled."""
        await self._end(tuple(self._partitions), grace)
        self._dropped.clear()

    async def drop(self, subscription: Subscription) -> None:
        """End those of one subscription at once.

        What they had in memory is gone, so that nobody may go on behind it until they are assigned anew.
        """
        places = [place for place, each in self._partitions.items() if each.subscription is subscription]
        self._dropped.update(places)
        await self._end(places, 0)

    def _begin(self, place: Place) -> Partition | None:
        partition = self._new(place)
        if partition is not None:
            self._partitions[place] = partition
            task = self._tasks[place] = asyncio.create_task(partition.run())
            task.add_done_callback(lambda task: self._ended(partition.subscription, task))
        return partition

    def _ended(self, subscription: Subscription, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(subscription, error)

    async def _end(self, places: Iterable[Place], grace: float) -> None:
        ending = {place: self._tasks[place] for place in places}
        try:
            busy = {task for place, task in ending.items() if self._partitions[place].finish()}
            for task in ending.values():
                if not grace or task not in busy:
                    task.cancel()
            if ending:
                await asyncio.wait(ending.values(), timeout=grace or None)
        finally:
            for place, task in ending.items():
                task.cancel()
                self._partitions.pop(place, None)
                self._tasks.pop(place, None)
        await asyncio.gather(*ending.values(), return_exceptions=True)
