"""Consumers of one group that come, go and take their time: nothing is lost, and next to nothing twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

import pytest

from contract.promises import Inbox, consuming, keyed, pairs
from outboard.sidecar.components.port import Message
from support.kafka import KafkaBroker
from support.kafka_component import kafka_pubsub, unique

pytestmark = pytest.mark.anyio

PARTITIONS = 4


@pytest.fixture(scope="module")
def quick_kafka(kafka_brokers: Callable[..., KafkaBroker]) -> KafkaBroker:
    """A broker that lets members say that they are gone after half a second."""
    return kafka_brokers({"num.partitions": str(PARTITIONS), "group.min.session.timeout.ms": "500"})


def first_of_each(got: list[tuple[int, int]]) -> dict[int, list[int]]:
    """By key, the numbers in the order in which each came first."""
    found: dict[int, list[int]] = defaultdict(list)
    for key, number in got:
        if number not in found[key]:
            found[key].append(number)
    return found


async def test_members_that_come_and_go_lose_nothing_and_repeat_nothing(quick_kafka: KafkaBroker) -> None:
    """Partitions are revoked four times while events flow; what is in hand is settled before."""
    topic, group, inbox, count, keys = unique("moving"), unique("group"), Inbox(), 2_000, 40

    async def publish() -> None:
        async with kafka_pubsub(quick_kafka.address) as pubsub:
            messages = keyed(count, keys)
            for start in range(0, count, 20):
                assert await pubsub.publish_many(topic, messages[start : start + 20]) == {}
                await asyncio.sleep(0.02)

    async def handle(message: Message) -> None:
        await asyncio.sleep(0.001)
        await inbox(message)

    async with kafka_pubsub(quick_kafka.address, group) as lasting, consuming(lasting, topic, handle):
        publishing = asyncio.create_task(publish())
        for _ in range(2):
            async with (
                kafka_pubsub(quick_kafka.address, group) as passing,
                consuming(passing, topic, handle),
            ):
                await asyncio.sleep(0.5)
        await publishing
        got = pairs(await inbox.data(count))

    assert first_of_each(got) == {key: list(range(count // keys)) for key in range(keys)}
    assert len(got) == count


async def test_partitions_are_shared_and_taken_over(quick_kafka: KafkaBroker) -> None:
    topic, group = unique("shared"), unique("group")
    boxes = Inbox(), Inbox()
    numbered = [Message(b"%d" % each, {"partitionNumber": str(each % PARTITIONS)}) for each in range(8)]
    async with kafka_pubsub(quick_kafka.address, group) as one, consuming(one, topic, boxes[0]):
        async with kafka_pubsub(quick_kafka.address, group) as two, consuming(two, topic, boxes[1]):
            assert await one.publish_many(topic, numbered[:4]) == {}
            assert len(await boxes[0].data(2)) == len(await boxes[1].data(2)) == 2
        assert await one.publish_many(topic, numbered[4:]) == {}
        await boxes[0].data(6)

    handled = [message.data for box in boxes for message in box.messages]
    assert sorted(handled) == sorted(message.data for message in numbered)


async def test_an_app_that_takes_longer_than_the_session_keeps_its_partitions(
    quick_kafka: KafkaBroker,
) -> None:
    """Heartbeats go on meanwhile: an hour would do as well."""
    topic, group, inbox, other = unique("slow"), unique("group"), Inbox(), Inbox()
    session = {"sessionTimeout": "500ms", "heartbeatInterval": "100ms"}

    async def handle(message: Message) -> None:
        await asyncio.sleep(2)
        await inbox(message)

    async with kafka_pubsub(quick_kafka.address, group, **session) as slow, consuming(slow, topic, handle):
        await slow.publish(topic, Message(b"long"))
        await inbox.data(1)
    async with (
        kafka_pubsub(quick_kafka.address, group, **session) as next_one,
        consuming(next_one, topic, other),
    ):
        await next_one.publish(topic, Message(b"after"))
        assert await other.data(1) == [b"after"]

    assert len(inbox.messages) == 1


async def test_a_new_member_waits_for_what_is_in_hand(quick_kafka: KafkaBroker) -> None:
    topic, group, inbox, begun = unique("handover"), unique("group"), Inbox(), asyncio.Event()

    async def handle(message: Message) -> None:
        begun.set()
        await asyncio.sleep(1.5)
        await inbox(message)

    async with kafka_pubsub(quick_kafka.address, group) as one, consuming(one, topic, handle):
        await one.publish(topic, Message(b"x"))
        await begun.wait()
        async with kafka_pubsub(quick_kafka.address, group) as two, consuming(two, topic, inbox):
            assert [message.data for message in inbox.messages] == [b"x"]
            await two.publish(topic, Message(b"y"))
            assert await inbox.data(2) == [b"x", b"y"]
