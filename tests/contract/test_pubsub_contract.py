"""What every pub/sub component must do, asked of each adapter; beyond that, what each promises.

An adapter is a class with its `promises` and the fixture `cluster`; where it has a broker, also `crashing`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from random import random
from typing import ClassVar

import pytest

from contract.promises import (
    Cluster,
    Inbox,
    by_key,
    consuming,
    keyed,
    numbered,
    pairs,
)
from contract.pubsub_promises import PUBSUBS, Promises
from contract.test_pubsub_bulk import BulkContract
from contract.test_pubsub_interruptions import InterruptionsContract
from contract.test_pubsub_limits import LimitsContract
from contract.test_pubsub_redelivery import RedeliveryContract
from outboard.clock import Clock, SystemClock
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.memory.log import PartitionedBroker, PartitionedPubSub
from outboard.sidecar.components.memory.pubsub import Broker, InMemoryPubSub
from outboard.sidecar.components.port import (
    BulkPublishing,
    BulkSubscribing,
    Message,
    PubSub,
)
from outboard.sidecar.components.redis.client.connecting import connect as connect_redis
from outboard.sidecar.components.redis.client.settings import RedisSettings
from outboard.sidecar.components.redis.pubsub import RedisPubSub
from outboard.sidecar.components.redis.streams.settings import StreamSettings
from outboard.sidecar.components.sqlite.log.settings import LogSettings
from outboard.sidecar.components.sqlite.pubsub import open_log
from support.kafka import KafkaBroker
from support.kafka_component import connect, unique
from support.redis import RedisServer

TOPICS = count(1)


@pytest.fixture
def topic() -> str:
    """A name that no other test has, for brokers that outlive a test."""
    return f"topic-{next(TOPICS)}"


class PubSubContract(RedeliveryContract, BulkContract, LimitsContract, InterruptionsContract):
    promises: ClassVar[Promises]

    async def test_the_promises_are_what_the_component_says_of_itself(self, cluster: Cluster) -> None:
        pubsub: PubSub = await cluster.connect()

        orders = isinstance(pubsub, BulkPublishing) and pubsub.traits.orders_bulk
        assert pubsub.traits.redelivers == self.promises.redelivery
        assert orders == self.promises.bulk_publishing
        assert isinstance(pubsub, BulkSubscribing) == self.promises.bulk_subscribing

    async def test_a_message_arrives_with_its_key(self, cluster: Cluster, topic: str) -> None:
        inbox, message = (
            Inbox(),
            Message(b'{"a": "\xc3\xa9"}', {"partitionKey": "k \u00e9"}, "application/json"),
        )
        pubsub = await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            await pubsub.publish(topic, message)
            await inbox.data(1)

        (got,) = inbox.messages
        key = got.metadata.get("partitionKey") or got.metadata.get("__key")
        assert (got.data, key) == (message.data, "k \u00e9")

    @pytest.mark.promise("headers")
    async def test_all_metadata_arrives(self, cluster: Cluster, topic: str) -> None:
        inbox = Inbox()
        metadata = {"partitionKey": "k", "x": "", "y-1_z": "a b;=\u00fc"}
        if self.promises.any_headers:
            metadata |= {"traceparent": "00-1-2-00", "odd ' \u00fc": "\n\t\x01;="}
        pubsub = await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            await pubsub.publish(topic, Message(b"{}", metadata))
            await inbox.data(1)

        assert inbox.messages[0].metadata.items() >= metadata.items()

    @pytest.mark.parametrize("data", [b"", b"\x00\xff\xfe", b"x" * 900_000], ids=["empty", "bytes", "large"])
    async def test_any_data_arrives_untouched(self, cluster: Cluster, topic: str, data: bytes) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            await pubsub.publish(topic, Message(data))
            assert await inbox.data(1) == [data]

    @pytest.mark.promise("order")
    async def test_events_of_a_key_arrive_in_order(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            for message in keyed(200, keys=7):
                await pubsub.publish(topic, message)
            got = pairs(await inbox.data(200))

        assert by_key(got) == by_key(pairs([message.data for message in keyed(200, keys=7)]))

    @pytest.mark.promise("order_without_key")
    async def test_events_without_a_key_arrive_in_order(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            for message in numbered(200):
                await pubsub.publish(topic, message)
            got = await inbox.data(200)

        assert got == [message.data for message in numbered(200)]

    @pytest.mark.promise("order")
    async def test_a_key_has_one_event_in_hand_at_a_time(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()
        running: dict[bytes, int] = defaultdict(int)
        most = 0

        async def handle(message: Message) -> None:
            nonlocal most
            key = b"all" if self.promises.one_at_a_time else message.data.split(b":")[0]
            running[key] += 1
            most = max(most, running[key])
            await asyncio.sleep(0)
            running[key] -= 1
            await inbox(message)

        async with consuming(pubsub, topic, handle):
            await asyncio.gather(*(pubsub.publish(topic, message) for message in keyed(40, keys=3)))
            await inbox.data(40)

        assert most == 1

    @pytest.mark.promise("between_apps")
    async def test_every_group_gets_every_message(self, cluster: Cluster, topic: str) -> None:
        first, second = Inbox(), Inbox()
        one, two, publisher = [await cluster.connect(group) for group in ("one", "two", "publisher")]

        async with consuming(one, topic, first), consuming(two, topic, second):
            for message in numbered(5):
                await publisher.publish(topic, message)
            got = await first.data(5), await second.data(5)

        assert sorted(got[0]) == sorted(got[1]) == [message.data for message in numbered(5)]

    @pytest.mark.promise("competition")
    async def test_consumers_of_a_group_share_its_messages(self, cluster: Cluster, topic: str) -> None:
        inbox, handled_by = Inbox(), set[int]()
        sidecars = [await cluster.connect("shared") for _ in range(2)]

        def handler(number: int) -> Inbox:
            async def handle(message: Message) -> None:
                handled_by.add(number)
                await inbox(message)

            return handle  # type: ignore[return-value]

        async with consuming(sidecars[0], topic, handler(0)), consuming(sidecars[1], topic, handler(1)):
            published = 0
            while handled_by != {0, 1}:  # the second may need a while to get its share
                await sidecars[0].publish(topic, Message(str(published).encode()))
                published += 1
                got = await inbox.data(published)

        assert sorted(got, key=int) == [str(number).encode() for number in range(published)]

    async def test_a_topic_does_not_see_another_one(self, cluster: Cluster, topic: str) -> None:
        inbox, other, pubsub = Inbox(), Inbox(), await cluster.connect()

        async with consuming(pubsub, topic, inbox), consuming(pubsub, f"{topic}2", other):
            await pubsub.publish(f"{topic}2", Message(b"other"))
            await pubsub.publish(topic, Message(b"mine"))
            assert await other.data(1) == [b"other"]
            assert await inbox.data(1) == [b"mine"]

    async def test_names_of_topics(self, cluster: Cluster, topic: str) -> None:
        pubsub = await cluster.connect()

        for name in self.promises.topics:
            inbox = Inbox()
            async with consuming(pubsub, f"{topic}{name}", inbox):
                await pubsub.publish(f"{topic}{name}", Message(name.encode()))
                assert await inbox.data(1) == [name.encode()]

    async def test_publishing_to_nobody_succeeds(self, cluster: Cluster, topic: str) -> None:
        await (await cluster.connect()).publish(topic, Message(b"x"))

    @pytest.mark.promise("retention")
    async def test_a_new_group_gets_what_was_published_before(self, cluster: Cluster, topic: str) -> None:
        inbox = Inbox()
        await (await cluster.connect("publisher")).publish(topic, Message(b"early"))

        async with consuming(await cluster.connect("new"), topic, inbox):
            assert await inbox.data(1) == [b"early"]

    async def test_nothing_is_handled_once_the_consumer_is_gone(self, cluster: Cluster, topic: str) -> None:
        inbox, again, pubsub = Inbox(), Inbox(), await cluster.connect()
        async with consuming(pubsub, topic, inbox):
            pass

        await pubsub.publish(topic, Message(b"late"))
        async with consuming(pubsub, f"{topic}2", again):
            await pubsub.publish(f"{topic}2", Message(b"x"))
            await again.data(1)

        assert inbox.messages == []

    async def test_a_consumer_that_is_cancelled_in_its_handler_ends(
        self, cluster: Cluster, topic: str
    ) -> None:
        entered, pubsub = asyncio.Event(), await cluster.connect()

        async def hang(message: Message) -> None:
            entered.set()
            await asyncio.Event().wait()

        async with asyncio.timeout(60), consuming(pubsub, topic, hang):
            await pubsub.publish(topic, Message(b"x"))
            await entered.wait()


class TestInMemoryPubSub(PubSubContract):
    promises = PUBSUBS["in-memory"]

    @pytest.fixture
    def cluster(self) -> Cluster:
        broker = Broker()
        return in_memory(broker)


class TestInMemoryPubSubWithBacklog(PubSubContract):
    promises = PUBSUBS["in-memory, `backlog`"]

    @pytest.fixture
    def cluster(self) -> Cluster:
        broker = Broker()
        broker.keep(100)
        return in_memory(broker)


def in_memory(broker: Broker) -> Cluster:
    async def connect(group: str) -> PubSub:
        return InMemoryPubSub(broker, group)

    return Cluster(connect)


class TestPartitionedInMemoryPubSub(PubSubContract):
    promises = PUBSUBS["in-memory, `partitions`"]

    @pytest.fixture
    def cluster(self, clock: Clock) -> Cluster:
        broker = PartitionedBroker()
        broker.keep(partitions=8, backlog=1_000)

        async def connect(group: str) -> PubSub:
            return PartitionedPubSub(broker, group, 5.0, clock)

        return Cluster(connect)


class TestSqlitePubSub(PubSubContract):
    promises = PUBSUBS["sqlite"]

    @pytest.fixture
    async def cluster(self, tmp_path: Path, clock: Clock) -> AsyncIterator[Cluster]:
        async def connect(group: str) -> PubSub:
            return await open_log(
                LogSettings(tmp_path / "events.db", group, partitions=8), ComponentContext(group, clock=clock)
            )

        cluster = Cluster(connect)
        yield cluster
        await cluster.restart()


def kafka_cluster(broker: KafkaBroker) -> Cluster:
    groups: dict[str, str] = {}

    async def member(group: str) -> PubSub:
        return await connect(broker.address, groups.setdefault(group, unique(group)))

    return Cluster(member, broker)


class TestKafkaPubSub(PubSubContract):
    promises = PUBSUBS["kafka"]

    @pytest.fixture
    async def cluster(self, kafka_of_four: KafkaBroker) -> AsyncIterator[Cluster]:
        cluster = kafka_cluster(kafka_of_four)
        yield cluster
        await cluster.restart()

    @pytest.fixture
    async def crashing(self, own_kafka: KafkaBroker) -> AsyncIterator[Cluster]:
        cluster = kafka_cluster(own_kafka)
        yield cluster
        await cluster.restart()


def redis_cluster(server: RedisServer, concurrency: int) -> Cluster:
    async def member(group: str) -> PubSub:
        clock = SystemClock()
        connection = await connect_redis(RedisSettings(((server.host, server.port),)), "redis", clock, random)
        settings = StreamSettings(
            group, processing_timeout=1.0, redeliver_interval=0.2, concurrency=concurrency
        )
        return RedisPubSub(connection, settings, clock)

    return Cluster(member, server)


class TestRedisPubSub(PubSubContract):
    """As it is without further settings: ten events at a time are with the app."""

    promises = PUBSUBS["redis"]
    concurrency: ClassVar[int] = 10

    @pytest.fixture
    async def cluster(self, redis: RedisServer) -> AsyncIterator[Cluster]:
        cluster = redis_cluster(redis, self.concurrency)
        yield cluster
        await cluster.restart()

    @pytest.fixture
    async def crashing(self, own_redis: RedisServer) -> AsyncIterator[Cluster]:
        cluster = redis_cluster(own_redis, self.concurrency)
        yield cluster
        await cluster.restart()


class TestRedisPubSubOneAtATime(TestRedisPubSub):
    promises = PUBSUBS["redis, `concurrency` 1"]
    concurrency = 1
