"""What `pubsub.kafka` writes to a real Kafka, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from outboard.sidecar.components.port import ComponentError, Message
from support.kafka import KafkaBroker
from support.kafka_component import kafka_pubsub, unique

pytestmark = pytest.mark.anyio


async def records(broker: KafkaBroker, topic: str, count: int) -> list[ConsumerRecord]:
    """The first `count` records of all partitions."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    found: list[ConsumerRecord] = []
    async with consumer:
        while len(found) < count:
            found.append(await consumer.getone())
    return found


async def values(broker: KafkaBroker, topic: str, count: int) -> list[bytes | None]:
    return [record.value for record in await records(broker, topic, count)]


async def test_metadata_becomes_headers_and_the_key(kafka: KafkaBroker) -> None:
    topic, metadata = unique("headers"), {"partitionKey": "größer", "rawPayload": "true", "x y": "\n\x00"}
    async with kafka_pubsub(kafka.address) as pubsub:
        await pubsub.publish(topic, Message(b"{}", metadata))

    (record,) = await records(kafka, topic, 1)
    assert (record.key, record.value) == ("größer".encode(), b"{}")
    assert dict(record.headers) == {name: value.encode() for name, value in metadata.items()}


async def test_without_metadata_there_is_neither_key_nor_header(kafka: KafkaBroker) -> None:
    topic = unique("bare")
    async with kafka_pubsub(kafka.address) as pubsub:
        await pubsub.publish(topic, Message(b""))

    (record,) = await records(kafka, topic, 1)
    assert (record.key, record.value, record.headers) == (None, b"", ())


async def test_null_is_a_tombstone_with_or_without_a_key(kafka: KafkaBroker) -> None:
    topic = unique("tombstone")
    async with kafka_pubsub(kafka.address) as pubsub:
        await pubsub.publish(topic, Message(b"null", {"__key": ""}))
        await pubsub.publish(topic, Message(b"null"))

    found = await records(kafka, topic, 2)
    assert [(record.key, record.value) for record in found] == [(b"", None), (None, None)]


async def test_a_partition_can_be_named(kafka: KafkaBroker) -> None:
    topic = unique("numbered")
    kafka.create_topic(topic, partitions=3)
    async with kafka_pubsub(kafka.address) as pubsub:
        await pubsub.publish(topic, Message(b"x", {"partitionNumber": "2", "partitionKey": "k"}))
        with pytest.raises(
            ComponentError, match="partition number 3 is out of range, topic has 3 partitions"
        ):
            await pubsub.publish(topic, Message(b"x", {"partitionNumber": "3"}))
        messages = [Message(b"a", {"partitionNumber": "1"}), Message(b"b", {"partitionNumber": "9"})]
        errors = await pubsub.publish_many(topic, messages)

    assert list(errors) == [1]
    found = {(record.partition, record.value) for record in await records(kafka, topic, 2)}
    assert found == {(2, b"x"), (1, b"a")}


async def test_messages_without_a_key_are_spread(kafka: KafkaBroker) -> None:
    topic = unique("spread")
    kafka.create_topic(topic, partitions=3)
    async with kafka_pubsub(kafka.address) as pubsub:
        assert await pubsub.publish_many(topic, [Message(b"x")] * 200) == {}

    counts = [record.partition for record in await records(kafka, topic, 200)]
    assert all(counts.count(partition) > 20 for partition in range(3))


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_each_compression_is_written_and_read(kafka: KafkaBroker, compression: str) -> None:
    topic = unique("compressed")
    data = [b"%d " % number * 500 for number in range(50)]
    async with kafka_pubsub(kafka.address, compression=compression) as pubsub:
        assert await pubsub.publish_many(topic, [Message(each) for each in data]) == {}

    assert await values(kafka, topic, 50) == data


async def test_up_to_the_limit_and_over_it(kafka: KafkaBroker) -> None:
    """The limit counts 36 bytes for the record, as daprd's client does."""
    topic = unique("limit")
    async with kafka_pubsub(kafka.address, maxMessageBytes="2000") as pubsub:
        await pubsub.publish(topic, Message(b"x" * 1964))
        with pytest.raises(ComponentError, match=r"larger than configured .*MaxMessageBytes: 2001 > 2000"):
            await pubsub.publish(topic, Message(b"x" * 1965))

    assert await values(kafka, topic, 1) == [b"x" * 1964]


async def test_what_the_broker_finds_too_large_is_told(kafka: KafkaBroker) -> None:
    topic = unique("large")
    async with kafka_pubsub(kafka.address, maxMessageBytes="3000000") as pubsub:
        await pubsub.publish(topic, Message(b"x" * 1_048_000))
        with pytest.raises(ComponentError, match=r"larger than the topic's `max\.message\.bytes`"):
            await pubsub.publish(topic, Message(b"x" * 1_100_000))
        await pubsub.publish(topic, Message(b"after"))

    assert [len(value or b"") for value in await values(kafka, topic, 2)] == [1_048_000, 5]


async def test_one_that_is_too_large_for_its_topic_fails_alone_with_the_rest_of_its_key(
    kafka: KafkaBroker,
) -> None:
    """Two limits: that of the component, and that of the topic, which only the broker knows."""
    topic = unique("culprit")
    kafka.create_topic(topic, max_message_bytes="2000")
    sizes = [1, 2, 3_000, 4, 5, 50_000, 7, 8]
    messages = [
        Message(b"x" * size, {"partitionKey": "ab"[position % 2]}) for position, size in enumerate(sizes)
    ]
    async with kafka_pubsub(kafka.address, maxMessageBytes="40000") as pubsub:
        errors = await pubsub.publish_many(topic, messages)
        assert await pubsub.publish_many(topic, [Message(b"later", {"partitionKey": "a"})]) == {}

    assert set(errors) == {2, 4, 6, 5, 7}
    assert "max.message.bytes" in str(errors[2])
    assert "MaxMessageBytes" in str(errors[5])
    assert all("an earlier message of the same key" in str(errors[each]) for each in (4, 6, 7))
    assert await values(kafka, topic, 4) == [b"x", b"xx", b"xxxx", b"later"]


async def test_batches_larger_than_one_request_keep_their_order(kafka: KafkaBroker) -> None:
    topic = unique("ordered")
    data = [b"%03d" % number + b"x" * 50_000 for number in range(100)]
    async with kafka_pubsub(kafka.address) as pubsub:
        assert await pubsub.publish_many(topic, [Message(each, {"partitionKey": "k"}) for each in data]) == {}

    assert await values(kafka, topic, 100) == data


@pytest.mark.parametrize("topic", ["a/b", "", "..", "x" * 250, "größe"])
async def test_names_that_cannot_be_topics_are_refused_at_once(kafka: KafkaBroker, topic: str) -> None:
    async with kafka_pubsub(kafka.address) as pubsub:
        with pytest.raises(ComponentError, match="cannot be a topic"):
            await pubsub.publish(topic, Message(b"x"))
        errors = await pubsub.publish_many(topic, [Message(b"x"), Message(b"y")])

    assert set(errors) == {0, 1}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"partitionNumber": "x"}, 'invalid partitionNumber metadata value "x"'),
        ({"partitionNumber": "-1"}, "partitionNumber must be non-negative"),
        ({"valueSchemaType": "Avro"}, "schema registry"),
        ({"valueSchemaType": "csv"}, "'csv' is not a supported value"),
    ],
)
async def test_metadata_that_cannot_be_followed(
    kafka: KafkaBroker, metadata: Mapping[str, str], reason: str
) -> None:
    messages: Sequence[Message] = [Message(b"x", metadata), Message(b"fine")]
    topic = unique("metadata")
    async with kafka_pubsub(kafka.address) as pubsub:
        with pytest.raises(ComponentError, match=reason):
            await pubsub.publish(topic, messages[0])
        errors = await pubsub.publish_many(topic, messages)

    assert list(errors) == [0]
    assert await values(kafka, topic, 1) == [b"fine"]
