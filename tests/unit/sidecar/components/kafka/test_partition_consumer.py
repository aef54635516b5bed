from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.kafka.client import TopicPartition
from outboard.sidecar.components.kafka.partition_consumer import MANY, PartitionConsumer
from outboard.sidecar.components.kafka.redelivery import RetryContext
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.kafka.topics import TopicHandler
from outboard.sidecar.components.port import BulkBounds, Message, NotAcknowledged
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio

PLACE = TopicPartition("t", 0)


@dataclass(frozen=True)
class Received:
    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def value(self) -> bytes:
        return b"%d" % self.offset


class Scene:
    """A partition with a handler that refuses what `refuse` says, and notes everything."""

    def __init__(self, retry: RetryPolicy | None = RetryPolicy(), bounds: BulkBounds | None = None) -> None:  # noqa: B008
        self.clock = AutojumpClock()
        self.handled: list[list[int]] = []
        self.settled: list[int] = []
        self.wanted: list[bool] = []
        self.refuse: dict[int, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        settings = KafkaSettings(("localhost:1",), "group", "client", retry=retry)
        subscription = TopicHandler(
            "t", None if bounds else self.single, self.bulk if bounds else None, bounds
        )
        self.partition = PartitionConsumer(
            PLACE,
            subscription,
            RetryContext(settings, self.clock, lambda: 0.5),
            lambda _, offset: self.settled.append(offset),
            lambda _, more: self.wanted.append(more),
        )

    async def single(self, message: Message) -> None:
        if (outcome := (await self.bulk([message]))[0]) is not None:
            raise outcome

    async def bulk(self, messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        numbers = [int(message.data) for message in messages]
        self.handled.append(numbers)
        await self.gate.wait()
        return [self._outcome(number) for number in numbers]

    def _outcome(self, number: int) -> NotAcknowledged | None:
        self.refuse[number] = self.refuse.get(number, 0) - 1
        return NotAcknowledged("no") if self.refuse[number] >= 0 else None

    def put(self, *offsets: int) -> None:
        self.partition.put([Received(offset) for offset in offsets])

    async def until(self, settled: int) -> None:
        for _ in range(10_000):
            if settled in self.settled:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{settled} is not among {self.settled}")

    async def begun(self) -> None:
        while not self.handled:  # noqa: ASYNC110 - a turn of the loop is all that it takes
            await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.partition.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_one_after_the_other_and_each_is_settled() -> None:
    scene = Scene()
    scene.put(4, 5, 9)  # the offsets of a compacted topic have gaps
    async with scene.running():
        await scene.until(10)

    assert scene.handled == [[4], [5], [9]]
    assert scene.settled == [5, 6, 10]


async def test_what_is_refused_comes_again_after_the_backoff_and_holds_the_others() -> None:
    scene = Scene()
    scene.refuse[0] = 3
    scene.put(0, 1)
    async with scene.running():
        await scene.until(2)

    assert scene.handled == [[0], [0], [0], [0], [1]]
    assert scene.clock.slept == [5.0, 5.0, 5.0]


async def test_after_the_last_attempt_it_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(RetryPolicy(duration=1.0, max_retries=1))
    scene.refuse[0] = 9
    scene.put(0, 1)
    async with scene.running():
        await scene.until(2)

    assert scene.handled == [[0], [0], [1]]
    assert "Too many failed attempts at processing Kafka message: t/0/0 [key=]. Error: no." in caplog.messages


async def test_without_retries_it_is_passed_over_at_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(retry=None)
    scene.refuse[0] = 9
    scene.put(0, 1)
    async with scene.running():
        await scene.until(2)

    assert scene.handled == [[0], [1]]
    assert caplog.messages == ["Error processing Kafka message: t/0/0 [key=]. Error: no."]


async def test_of_a_batch_only_what_failed_comes_again_and_what_stands_before_it_is_settled() -> None:
    scene = Scene(bounds=BulkBounds(5, 1.0))
    scene.refuse |= {2: 2, 3: 1}
    scene.put(0, 1, 2, 3, 4)
    async with scene.running():
        await scene.until(5)

    assert scene.handled == [[0, 1, 2, 3, 4], [2, 3], [2]]
    assert scene.settled == [2, 2, 5]


async def test_a_batch_waits_for_its_time_but_not_when_it_is_full() -> None:
    scene = Scene(bounds=BulkBounds(3, 0.5))
    scene.put(0, 1, 2, 3)
    async with scene.running():
        await scene.until(4)

    assert scene.handled == [[0, 1, 2], [3]]
    assert scene.clock.slept == [0.5]


async def test_fetching_pauses_at_many_and_goes_on_at_half_of_them() -> None:
    scene = Scene()
    scene.gate.clear()
    scene.put(*range(MANY))
    assert scene.wanted == [False]
    async with scene.running():
        scene.gate.set()
        await scene.until(MANY // 2)
        assert scene.wanted == [False, True]
        await scene.until(MANY)

    assert scene.wanted == [False, True]


async def test_finishing_lets_what_is_in_hand_be_settled_and_begins_nothing() -> None:
    scene = Scene()
    scene.gate.clear()
    scene.put(0, 1)
    async with scene.running() as task:
        await scene.begun()
        assert scene.partition.finish()
        scene.gate.set()
        await task

    assert scene.settled == [1]


async def test_finishing_settles_nothing_that_was_refused() -> None:
    scene = Scene()
    scene.refuse[0] = 1
    scene.gate.clear()
    scene.put(0)
    async with scene.running() as task:
        await scene.begun()
        scene.partition.finish()
        scene.gate.set()
        await task

    assert (scene.handled, scene.settled) == ([[0]], [])


async def test_one_that_waits_for_messages_can_be_ended_at_once() -> None:
    scene = Scene()
    async with scene.running():
        await asyncio.sleep(0)
        assert not scene.partition.finish()
