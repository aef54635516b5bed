"""What is seen of a Kafka from outside agrees with what its clients have done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.kafka.inspection import inspect
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError
from support.kafka import KafkaBroker
from support.sidecars import component

pytestmark = pytest.mark.anyio

EVENT = b'{"specversion": "1.0", "id": "e-%d", "source": "s", "type": "t", "data": {}}'


def properties(address: str, group: str) -> Properties:
    values = {"brokers": address, "authType": "none", "consumerGroup": group}
    found = component("pubsub", "pubsub.kafka", **values)
    return Properties(found, {name.lower(): value for name, value in values.items()})


async def test_a_group_is_seen_as_it_is(kafka: KafkaBroker) -> None:
    address, topic, group = kafka.address, "inspected", "inspecting"
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    producer = AIOKafkaProducer(bootstrap_servers=address)
    first: Any = AIOKafkaConsumer(
        bootstrap_servers=address, group_id=group, enable_auto_commit=False, client_id="a"
    )
    second: Any = AIOKafkaConsumer(
        bootstrap_servers=address, group_id=group, enable_auto_commit=False, client_id="b"
    )
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1), NewTopic("jobs-others", 1, 1)])
    await asyncio.gather(producer.start(), first.start(), second.start())
    try:
        for number in range(5):
            await producer.send_and_wait(topic, EVENT % number, partition=0)
        await producer.send_and_wait(topic, b"no event", partition=1)
        first.subscribe([topic])
        second.subscribe([topic])
        while not (first.assignment() and second.assignment()):
            await asyncio.gather(first.getmany(timeout_ms=100), second.getmany(timeout_ms=100))
        owner = first if TopicPartition(topic, 0) in first.assignment() else second
        await owner.commit({TopicPartition(topic, 0): 1})
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
        seen = await inspect(properties(address, group), ComponentContext("app"), [topic, "jobs-missing"])
    finally:
        await asyncio.gather(first.stop(), second.stop(), producer.stop(), admin.close())
    found, missing = seen.topics
    zero, one = found.partitions
    assert (seen.group, seen.initial_newest, missing.exists) == (group, True, False)
    assert "jobs-others" in seen.other_topics
    assert (zero.begin, zero.end, zero.committed, zero.lag) == (3, 5, 1, 2)
    assert zero.waiting is not None
    assert (zero.waiting.offset, zero.waiting.id, zero.waiting.is_event) == (3, "e-3", True)
    assert (one.committed, one.lag) == (None, 1)
    assert one.waiting is not None
    assert one.waiting.is_event is False
    assert sorted(member.client for member in found.members) == ["a", "b"]
    assert {zero.owner, one.owner} == {member.id for member in found.members}


async def test_a_broker_that_advertises_another_address_is_an_error(kafka_brokers: Any) -> None:
    settings = {
        "listeners": "SECURED://127.0.0.1:{secured_port}",
        "advertised.listeners": "SECURED://127.0.0.1:1",
        "listener.security.protocol.map": "SECURED:PLAINTEXT",
    }
    broker = kafka_brokers(settings)
    with pytest.raises((ComponentError, TimeoutError)):
        async with asyncio.timeout(1.2):
            await inspect(properties(broker.secured_address, "g"), ComponentContext("app"), ["jobs"])
