"""Where events come from: what this process writes is taken as it is, unless something lies before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from outboard.sidecar.components.port import Message
from outboard.sidecar.components.sqlite.log.events import Appended, LogEvent, LogTopic, ReadResult, Wanted
from outboard.sidecar.components.sqlite.log.feed import WAITING, Feed
from outboard.sidecar.components.sqlite.log.log import Log
from outboard.sidecar.components.sqlite.log.partition import Partition
from outboard.sidecar.components.sqlite.log.position import Position
from support.processes import PATIENCE

pytestmark = pytest.mark.anyio

TOPIC, OTHER = LogTopic(1, 2), LogTopic(2, 2)


class Reads:
    """A log of which each read ends when the test says so, with what the test says."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[int, list[int], asyncio.Future[ReadResult]]] = asyncio.Queue()

    async def read(
        self, topic: LogTopic, seen: int, wanted: Mapping[int, Wanted], fresh: Iterable[int]
    ) -> ReadResult:
        answer: asyncio.Future[ReadResult] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((seen, list(fresh), answer))
        return await answer

    async def next(self) -> tuple[int, list[int], Callable[[ReadResult], None]]:
        """From which offset, which fresh partitions, and how to answer."""
        async with asyncio.timeout(PATIENCE):
            seen, fresh, answer = await self.asked.get()
        return seen, fresh, answer.set_result


class Bench:
    def __init__(self) -> None:
        self.reads, self.filled = Reads(), list[int]()
        self.partitions = {number: Partition(number, Position(0), 100) for number in range(TOPIC.partitions)}
        log: Any = SimpleNamespace(port=1, reader=self.reads)
        self.feed = Feed(
            cast("Log", log), TOPIC, self.partitions, lambda partition: self.filled.append(partition.number)
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Bench]:
        task = asyncio.create_task(self.feed.read_forever())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def settled(self) -> None:
        """The loop has nothing left to do for now."""
        for _ in range(5):
            await asyncio.sleep(0)

    def offsets(self, number: int) -> list[int]:
        return [event.offset for event in self.partitions[number].take(1_000)]


def found(seen: int, *news: int, events: Mapping[int, list[int]] | None = None) -> ReadResult:
    read = {number: [event(offset) for offset in given] for number, given in (events or {}).items()}
    return ReadResult(seen, frozenset(news), read, frozenset())


def event(offset: int) -> LogEvent:
    return LogEvent(offset, Message(str(offset).encode()))


def appended(*offsets: int, partition: int = 0, topic: LogTopic = TOPIC) -> Appended:
    return Appended(topic, [(partition, event(offset)) for offset in offsets])


async def test_what_is_written_behind_all_that_was_read_is_taken_as_it_is() -> None:
    async with Bench().reading() as bench:
        _, fresh, answer = await bench.reads.next()
        answer(found(2, events={0: [1], 1: [2]}))
        await bench.settled()
        bench.feed.appended(appended(3, 4))
        bench.feed.appended(appended(5, topic=OTHER))
        bench.feed.appended(appended(6, partition=1))

        assert fresh == [0, 1]
        assert bench.offsets(0) == [1, 3, 4]
        assert bench.offsets(1) == [2, 6]
        assert bench.filled == [0, 1]


async def test_what_is_written_during_a_read_follows_what_the_read_found() -> None:
    async with Bench().reading() as bench:
        _, _, answer = await bench.reads.next()
        bench.feed.appended(appended(1, 2))
        bench.feed.appended(appended(3))
        answer(found(2, 0, events={0: [1, 2], 1: []}))
        await bench.settled()

        assert bench.offsets(0) == [1, 2, 3]


async def test_what_others_wrote_in_between_is_read() -> None:
    async with Bench().reading() as bench:
        _, _, answer = await bench.reads.next()
        answer(found(0, events={0: [], 1: []}))
        await bench.settled()
        bench.feed.appended(appended(2))
        seen, _, answer = await bench.reads.next()
        answer(found(2, 0, events={0: [1, 2]}))
        await bench.settled()

        assert seen == 0
        assert bench.offsets(0) == [1, 2]


async def test_more_than_can_wait_for_a_read_is_read() -> None:
    async with Bench().reading() as bench:
        _, _, answer = await bench.reads.next()
        bench.feed.appended(appended(*range(1, WAITING + 1)))
        bench.feed.appended(appended(WAITING + 1, partition=1))
        answer(found(0, events={0: [], 1: []}))
        seen, _, answer = await bench.reads.next()
        answer(found(WAITING + 1, 0, 1, events={0: [1, 2], 1: [WAITING + 1]}))
        await bench.settled()

        assert seen == 0
        assert bench.offsets(0) == [1, 2]
        assert bench.offsets(1) == [WAITING + 1]


async def test_a_partition_that_had_no_room_during_the_read_is_read_in_its_time() -> None:
    bench = Bench()
    full = bench.partitions[0] = Partition(0, Position(0), 2)
    full.add([event(1), event(2)], more=False)
    async with bench.reading():
        _, _, answer = await bench.reads.next()
        answer(found(3, 0, events={1: []}))
        await bench.settled()
        bench.feed.appended(appended(4))

        assert full.fresh
        assert bench.offsets(0) == [1, 2]
