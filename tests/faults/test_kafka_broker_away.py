"""The broker crashes, freezes or is not there: what is acknowledged is kept, and the log tells."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from contract.promises import Inbox, bulk_consuming, consuming
from outboard.sidecar.components.kafka.pubsub import KafkaPubSub
from outboard.sidecar.components.port import ComponentError, Message, NotAcknowledged
from support.kafka import KafkaBroker
from support.kafka_component import kafka_pubsub, unique
from support.processes import free_ports

pytestmark = pytest.mark.anyio

KEYS, NUMBERS, PUBLISHERS, BULK, KILLS = 200, 100, 20, 20, 5
EVENTS = KEYS * NUMBERS
PARTITIONS, BULK_HANDLED = 4, 50


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(100):
        while not condition():  # noqa: ASYNC110 - it is about another process
            await asyncio.sleep(0.02)


async def publish_in_order(
    pubsub: KafkaPubSub, topic: str, keys: Sequence[int], acknowledged: set[bytes]
) -> None:
    """Bulk after bulk; what is refused comes again, in its order, until it is taken."""
    todo = [
        Message(f"{key}:{number}".encode(), {"partitionKey": str(key)})
        for number in range(NUMBERS)
        for key in keys
    ]
    while todo:
        some, todo = todo[:BULK], todo[BULK:]
        errors = await pubsub.publish_many(topic, some)
        acknowledged.update(message.data for place, message in enumerate(some) if place not in errors)
        todo = [some[place] for place in sorted(errors)] + todo
        await asyncio.sleep(0.1 if errors else 0.005)


async def records(broker: KafkaBroker, topic: str) -> int:
    """How many the topic holds."""
    async with AIOKafkaConsumer(bootstrap_servers=broker.address) as consumer:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(PARTITIONS)])
    return sum(ends.values())


@pytest.mark.timeout(300)
async def test_nothing_acknowledged_is_lost_while_the_broker_crashes(own_kafka: KafkaBroker) -> None:
    topic, acknowledged = unique("crashes"), set[bytes]()
    got: list[bytes] = []
    own_kafka.create_topic(topic, partitions=PARTITIONS)

    async def handle(messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        got.extend(message.data for message in messages)
        await asyncio.sleep(0)
        return [None] * len(messages)

    async with (
        kafka_pubsub(own_kafka.address) as publishing,
        kafka_pubsub(own_kafka.address) as subscribing,
        bulk_consuming(subscribing, topic, handle, most=BULK_HANDLED),
    ):
        groups = [range(start, KEYS, PUBLISHERS) for start in range(PUBLISHERS)]
        publishers = asyncio.gather(
            *(publish_in_order(publishing, topic, keys, acknowledged) for keys in groups)
        )
        for kill in range(1, KILLS + 1):
            so_far = kill * EVENTS // (KILLS + 1)
            await until(partial(lambda least: len(acknowledged) >= least, so_far))
            await asyncio.to_thread(own_kafka.restart)
        await publishers
        await until(lambda: len(set(got)) == EVENTS)

    assert len(acknowledged) == EVENTS
    first: dict[int, list[int]] = defaultdict(list)
    for data in dict.fromkeys(got):
        key, number = map(int, data.split(b":"))
        first[key].append(number)
    assert first == {key: list(range(NUMBERS)) for key in range(KEYS)}
    written = await records(own_kafka, topic)
    print(f"{written - EVENTS} written twice, {len(got) - written} delivered twice, {KILLS} crashes")  # noqa: T201
    assert written - EVENTS <= KILLS * PUBLISHERS * BULK
    assert len(got) - written <= KILLS * PARTITIONS * BULK_HANDLED * 2


async def test_publishing_fails_in_bounded_time_and_works_again(own_kafka: KafkaBroker) -> None:
    topic = unique("away")
    async with kafka_pubsub(own_kafka.address) as pubsub:
        await pubsub.publish(topic, Message(b"before"))
        own_kafka.kill()
        with pytest.raises(ComponentError, match=f"kafka: the broker cannot be reached .{own_kafka.address}"):
            await pubsub.publish(topic, Message(b"lost or not"))
        errors = await pubsub.publish_many(topic, [Message(b"a"), Message(b"b")])
        assert set(errors) == {0, 1}
        own_kafka.start()
        async with asyncio.timeout(60):
            while await pubsub.publish_many(topic, [Message(b"after")]):
                pass


async def test_a_frozen_broker_is_not_waited_for_either(own_kafka: KafkaBroker) -> None:
    topic, inbox = unique("frozen"), Inbox()
    async with kafka_pubsub(own_kafka.address) as pubsub, consuming(pubsub, topic, inbox):
        await pubsub.publish(topic, Message(b"before"))
        await inbox.data(1)
        with own_kafka.paused(), pytest.raises(ComponentError, match=r"kafka: .*did not answer|no acknowl"):
            await pubsub.publish(topic, Message(b"during"))
        async with asyncio.timeout(60):
            while await pubsub.publish_many(topic, [Message(b"after")]):
                pass
        await until(lambda: inbox.messages[-1].data == b"after")


async def test_a_broker_that_is_away_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    caplog.set_level(logging.INFO)
    with pytest.raises(
        ComponentError, match="kafka: client has run out of available brokers to talk to"
    ) as told:
        async with kafka_pubsub(f"127.0.0.1:{port}"):
            pass

    assert f"127.0.0.1:{port}" in str(told.value)
    assert f"connecting to Kafka at 127.0.0.1:{port} (attempt 4 of 4)" in caplog.messages
    said = [record for record in caplog.records if record.name.startswith("outboard") and record.levelno > 20]
    assert len(said) == 1, "each problem is said once in a while"
