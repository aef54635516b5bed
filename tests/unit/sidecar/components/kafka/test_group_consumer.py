from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

from outboard.sidecar.components.kafka.client import KafkaFailure, Listener, TopicPartition
from outboard.sidecar.components.kafka.group_consumer import GroupConsumer
from outboard.sidecar.components.kafka.records import Received
from outboard.sidecar.components.kafka.redelivery import RetryContext
from outboard.sidecar.components.kafka.settings import KafkaSettings, Offset
from outboard.sidecar.components.kafka.topics import TopicHandler
from outboard.sidecar.components.port import Message
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Written:
    topic: str
    offset: int
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes | None], ...] = ()


class FakeConsumer:
    """A member that is given partition 0 of each of its topics; what is in `arriving` comes next."""

    def __init__(self, refusing: int = 0) -> None:
        self.refusing = refusing
        self.subscribed: list[list[str]] = []
        self.listener: Listener | None = None
        self.arriving: deque[Mapping[TopicPartition, Sequence[Received]] | Exception] = deque()
        self.commits: list[Mapping[TopicPartition, int]] = []
        self.stopped = False
        self.more = asyncio.Event()

    async def start(self) -> None:
        if self.refusing:
            raise KafkaFailure("nobody there")

    def subscribe(self, topics: Collection[str], listener: Listener) -> None:
        self.subscribed.append(list(topics))
        self.listener = listener
        self.more.set()

    async def share(self) -> None:
        """What the group does after a change."""
        assert self.listener is not None
        await self.listener.revoked()
        await self.listener.assigned([TopicPartition(topic, 0) for topic in self.subscribed[-1]])

    def bring(self, *records: Written) -> None:
        self.arriving.append({TopicPartition(record.topic, 0): [record] for record in records})

    async def poll(self) -> Mapping[TopicPartition, Sequence[Received]]:
        await asyncio.sleep(0)
        found = self.arriving.popleft() if self.arriving else {}
        if isinstance(found, Exception):
            raise found
        return found

    def pause(self, place: TopicPartition) -> None: ...

    def resume(self, place: TopicPartition) -> None: ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.commits.append(dict(offsets))

    async def committed(self, place: TopicPartition) -> int | None:
        return None

    async def position(self, place: TopicPartition) -> int:
        return 40

    async def beginning(self, place: TopicPartition) -> int:
        return 37 + place.partition

    def missing(self, topics: Collection[str]) -> Collection[str]:
        return ()

    async def look_for(self, topic: str) -> None: ...

    async def stop(self) -> None:
        self.stopped = True


class Scene:
    def __init__(self, *consumers: FakeConsumer, initial_offset: Offset = "earliest") -> None:
        self.consumers = deque(consumers)
        self.handled: list[tuple[str, str]] = []
        self.held: set[str] = set()
        self.clock = AutojumpClock()
        settings = KafkaSettings(("localhost:1",), "group", "client", initial_offset=initial_offset)
        retry_context = RetryContext(settings, self.clock, lambda: 0.5)
        self.membership = GroupConsumer(self.consumers.popleft, retry_context)

    def consume(self, topic: str, name: str = "") -> Consuming:
        return Consuming(self, topic, name or topic)


class Consuming:
    """One subscription, from entering the block to leaving it."""

    def __init__(self, scene: Scene, topic: str, name: str) -> None:
        self.subscribed = asyncio.Event()
        self._scene, self._topic, self._name = scene, topic, name

    async def __aenter__(self) -> Consuming:
        subscription = TopicHandler(self._topic, single=self._handle)
        self.task = asyncio.create_task(self._scene.membership.consume(subscription, self.subscribed.set))
        await turns()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def _handle(self, message: Message) -> None:
        offset = message.metadata["__offset"]
        self._scene.handled.append((self._name, offset))
        if offset in self._scene.held:
            await asyncio.Event().wait()


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_subscriptions_share_one_consumer_which_ends_with_the_last() -> None:
    consumer = FakeConsumer()
    scene = Scene(consumer)
    async with scene.consume("a"):
        async with scene.consume("b") as second:
            await consumer.share()
            await turns()
            assert second.subscribed.is_set()
            consumer.bring(Written("a", 3), Written("b", 7))
            await turns()
        await turns()
        assert not consumer.stopped
    assert consumer.stopped
    assert scene.handled == [("a", "3"), ("b", "7")]
    assert consumer.subscribed == [["a"], ["a", "b"], ["a"]]
    committed = {place: offset for commit in consumer.commits for place, offset in commit.items()}
    assert committed == {TopicPartition("a", 0): 4, TopicPartition("b", 0): 8}


async def test_nobody_is_subscribed_before_the_group_has_shared() -> None:
    consumer = FakeConsumer()
    async with Scene(consumer).consume("a") as only:
        assert not only.subscribed.is_set()
        await consumer.share()
        await turns()
        assert only.subscribed.is_set()


async def test_a_group_that_begins_at_the_end_commits_where_it_is_and_says_what_it_skips(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = FakeConsumer()
    async with Scene(consumer, initial_offset="latest").consume("a"):
        await consumer.share()
        await turns()
        assert consumer.commits == [{TopicPartition("a", 0): 40}]
    assert "begins at offset 40, and the 3 events before it are skipped" in caplog.text


async def test_what_is_revoked_is_committed_first() -> None:
    consumer = FakeConsumer()
    scene = Scene(consumer)
    async with scene.consume("a"):
        await consumer.share()
        consumer.bring(Written("a", 0))
        while not scene.handled:  # noqa: ASYNC110 - a turn of the loop is all that it takes
            await asyncio.sleep(0)
        await consumer.share()
        assert consumer.commits == [{TopicPartition("a", 0): 1}]


async def test_what_was_handled_is_committed_before_other_topics_are_asked_for() -> None:
    """The library refuses to commit for partitions of the topics before, from then on."""
    consumer = FakeConsumer()
    scene = Scene(consumer)
    async with scene.consume("a"):
        await consumer.share()
        consumer.bring(Written("a", 0))
        await turns()
        async with scene.consume("b"):
            assert consumer.subscribed == [["a"], ["a", "b"]]
            assert consumer.commits == [{TopicPartition("a", 0): 1}]
            consumer.bring(Written("a", 1))
            await turns()
            assert scene.handled == [("a", "0")]
            await consumer.share()
            consumer.bring(Written("a", 1))
            await turns()
            assert scene.handled == [("a", "0"), ("a", "1")]


async def test_nobody_goes_on_behind_what_a_subscription_left_unsettled() -> None:
    """Both are of one topic. What the first had in hand comes again, once partitions are shared out anew."""
    consumer = FakeConsumer()
    scene = Scene(consumer)
    scene.held.add("5")
    async with scene.consume("a", "lasting"):
        async with scene.consume("a", "passing"):
            await consumer.share()
            consumer.bring(Written("a", 5))
            await turns()
        consumer.bring(Written("a", 6))
        await turns()
        scene.held.clear()
        await consumer.share()
        consumer.bring(Written("a", 5))
        await turns()

    assert scene.handled == [("passing", "5"), ("lasting", "5")]
    assert [commit for commit in consumer.commits if commit] == [{TopicPartition("a", 0): 6}]


async def test_a_consumer_that_fails_is_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    away, failing, working = FakeConsumer(refusing=1), FakeConsumer(), FakeConsumer()
    scene = Scene(away, failing, working)
    failing.arriving.append(KafkaFailure("kafka: gone"))
    async with scene.consume("a"):
        await turns()
        await working.share()
        working.bring(Written("a", 1))
        await turns()

    assert scene.handled == [("a", "1")]
    assert away.stopped
    assert failing.stopped
    assert "Error consuming [a]. Retrying...: nobody there" in caplog.messages
    assert "Error consuming [a]. Retrying...: kafka: gone" in caplog.messages
    assert min(seconds for seconds in scene.clock.slept if seconds >= 0.5) == 1.0


async def test_a_defect_ends_the_subscriptions_with_its_error() -> None:
    consumer = FakeConsumer()
    consumer.arriving.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        async with Scene(consumer).consume("a") as only:
            await turns()
            await only.task


async def test_closing_ends_the_consumer() -> None:
    consumer = FakeConsumer()
    scene = Scene(consumer)
    async with scene.consume("a"):
        await scene.membership.close()
        assert consumer.stopped
