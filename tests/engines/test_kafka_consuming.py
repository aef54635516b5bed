"""What `pubsub.kafka` hands over from a real Kafka, in which order, and what it commits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contract.promises import Inbox, bulk_consuming, consuming
from outboard.sidecar.components.port import ComponentError, Message, NotAcknowledged
from support.kafka import KafkaBroker
from support.kafka_component import kafka_pubsub, unique
from support.waiting import until

pytestmark = pytest.mark.anyio


async def write(broker: KafkaBroker, topic: str, *values: bytes | None, **more: object) -> None:
    """Records of another client than ours, on partition 0."""
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0, **more)


async def committed(broker: KafkaBroker, group: str, topic: str, partition: int = 0) -> int | None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    found = offsets.get(TopicPartition(topic, partition))
    return None if found is None else found.offset


async def test_headers_and_what_the_record_says_of_itself_become_metadata(kafka: KafkaBroker) -> None:
    topic, inbox = unique("metadata"), Inbox()
    headers = [("x-odd", "größer".encode()), ("nul", b"\x00"), ("latin", b"\xe9"), ("none", None)]
    await write(kafka, topic, b"{}", key=b"a b", headers=headers, timestamp_ms=1_700_000_000_123)
    async with kafka_pubsub(kafka.address) as pubsub, consuming(pubsub, topic, inbox):
        await inbox.data(1)

    assert inbox.messages[0].metadata == {
        "__key": "a b", "__offset": "0", "__topic": topic, "__partition": "0",
        "__timestamp": "1700000000123", "x-odd": "größer", "nul": "\x00", "latin": "\ufffd", "none": "",
    }  # fmt: skip


async def test_escaped_headers_are_what_http_can_carry(kafka: KafkaBroker) -> None:
    topic, inbox = unique("escaped"), Inbox()
    await write(kafka, topic, b"{}", key=b"\x00\xff a", headers=[("x", "ö=\n~".encode())])
    async with (
        kafka_pubsub(kafka.address, escapeHeaders="true") as pubsub,
        consuming(pubsub, topic, inbox),
    ):
        await inbox.data(1)

    metadata = inbox.messages[0].metadata
    assert (metadata["__key"], metadata["x"]) == ("%00%FF+a", "%C3%B6%3D%0A~")


async def test_excluded_headers_go_neither_way(kafka: KafkaBroker) -> None:
    topic, inbox = unique("excluded"), Inbox()
    await write(kafka, topic, b"{}", headers=[("authorization", b"x"), ("kept", b"y")])
    async with kafka_pubsub(kafka.address, excludeHeaderMetaRegex="^(authorization|cookie)$") as pubsub:
        await pubsub.publish(topic, Message(b"{}", {"cookie": "x", "kept": "z"}))
        async with consuming(pubsub, topic, inbox):
            await inbox.data(2)

    assert [sorted(message.metadata)[4:] for message in inbox.messages] == [["kept"], ["kept"]]


async def test_a_tombstone_is_null_and_nothing_is_nothing(kafka: KafkaBroker) -> None:
    topic, inbox = unique("empty"), Inbox()
    await write(kafka, topic, None, b"", key=b"k")
    async with kafka_pubsub(kafka.address) as pubsub, consuming(pubsub, topic, inbox):
        assert await inbox.data(2) == [b"null", b""]


async def test_newest_begins_at_the_subscription_oldest_at_the_beginning(kafka: KafkaBroker) -> None:
    topic, late, whole = unique("initial"), Inbox(), Inbox()
    await write(kafka, topic, b"before")
    async with (
        kafka_pubsub(kafka.address, initialOffset="newest") as newest,
        kafka_pubsub(kafka.address, initialOffset="oldest") as oldest,
        consuming(newest, topic, late),
        consuming(oldest, topic, whole),
    ):
        await newest.publish(topic, Message(b"after"))
        assert await whole.data(2) == [b"before", b"after"]
        assert await late.data(1) == [b"after"]


async def test_a_group_that_began_at_the_end_goes_on_there_though_it_has_settled_nothing(
    kafka: KafkaBroker,
) -> None:
    """Without the commit at its beginning it would begin at the end again, and what came between is lost."""
    topic, group, inbox, entered = unique("begun"), unique("group"), Inbox(), asyncio.Event()

    async def hang(message: Message) -> None:
        entered.set()
        await asyncio.Event().wait()

    await write(kafka, topic, b"before")
    async with (
        kafka_pubsub(kafka.address, group, initialOffset="newest") as pubsub,
        consuming(pubsub, topic, hang),
    ):
        await pubsub.publish(topic, Message(b"unsettled"))
        await entered.wait()
    async with (
        kafka_pubsub(kafka.address, group, initialOffset="newest") as pubsub,
        consuming(pubsub, topic, inbox),
    ):
        assert await inbox.data(1) == [b"unsettled"]


async def test_partitions_run_at_once(kafka: KafkaBroker) -> None:
    """The message of one hangs; those of the others are handled meanwhile."""
    topic, inbox, hung = unique("partitions"), Inbox(), asyncio.Event()
    kafka.create_topic(topic, partitions=3)

    async def handle(message: Message) -> None:
        if message.metadata["__partition"] == "1":
            hung.set()
            await asyncio.Event().wait()
        await inbox(message)

    async with kafka_pubsub(kafka.address) as pubsub, consuming(pubsub, topic, handle):
        for partition in "1", "0", "2":
            await pubsub.publish(topic, Message(partition.encode(), {"partitionNumber": partition}))
        await hung.wait()
        assert sorted(await inbox.data(2)) == [b"0", b"2"]


async def test_nothing_is_committed_past_what_is_not_settled(kafka: KafkaBroker) -> None:
    topic, group, inbox = unique("offsets"), unique("group"), Inbox()
    await write(kafka, topic, *(b"%d" % number for number in range(6)))

    async def handle(messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        await inbox.take(messages)
        return [NotAcknowledged("no") if message.data in {b"2", b"4"} else None for message in messages]

    async with (
        kafka_pubsub(kafka.address, group, backOffDuration="50ms") as pubsub,
        bulk_consuming(pubsub, topic, handle, most=6),
    ):
        await inbox.data(6 + 3 * 2)

    assert [message.data for message in inbox.messages][6:10] == [b"2", b"4", b"2", b"4"]
    assert await committed(kafka, group, topic) == 2
    again = Inbox()
    async with kafka_pubsub(kafka.address, group) as pubsub, consuming(pubsub, topic, again):
        assert await again.data(4) == [b"2", b"3", b"4", b"5"]


async def test_offsets_are_committed_while_the_consumer_runs(kafka: KafkaBroker) -> None:
    topic, group, inbox = unique("commits"), unique("group"), Inbox()
    await write(kafka, topic, b"0", b"1")
    async with kafka_pubsub(kafka.address, group) as pubsub, consuming(pubsub, topic, inbox):
        await inbox.data(2)
        async with asyncio.timeout(30):
            while await committed(kafka, group, topic) != 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_a_failed_message_is_retried_until_it_is_taken(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    topic, inbox = unique("retried"), Inbox()

    async def handle(message: Message) -> None:
        await inbox(message)
        if len(inbox.messages) < 4:
            raise NotAcknowledged("the app said no")

    with caplog.at_level(logging.INFO):
        async with kafka_pubsub(kafka.address) as pubsub, consuming(pubsub, topic, handle):
            await pubsub.publish(topic, Message(b"a", {"partitionKey": "k"}))
            await pubsub.publish(topic, Message(b"b", {"partitionKey": "k"}))
            assert await inbox.data(5) == [b"a"] * 4 + [b"b"]

    where = f"{topic}/0/0 [key=aw==]"
    failed = f"Error processing Kafka message: {where}. Error: the app said no. Retrying..."
    assert caplog.messages.count(failed) == 1
    assert f"Successfully processed Kafka message: {where} after it previously failed" in caplog.messages


@pytest.mark.parametrize(
    ("metadata", "attempts", "said"),
    [
        ({"consumeRetryEnabled": "false"}, 1, "Error processing Kafka message"),
        ({"backOffMaxRetries": "2"}, 3, "Too many failed attempts at processing Kafka message"),
    ],
)
async def test_in_the_end_it_is_passed_over_where_that_is_wanted(
    kafka: KafkaBroker,
    caplog: pytest.LogCaptureFixture,
    metadata: dict[str, str],
    attempts: int,
    said: str,
) -> None:
    topic, group, inbox = unique("passed"), unique("group"), Inbox()

    async def handle(message: Message) -> None:
        await inbox(message)
        if message.data == b"bad":
            raise NotAcknowledged("no")

    await write(kafka, topic, b"bad", b"good")
    async with (
        kafka_pubsub(kafka.address, group, **metadata) as pubsub,
        consuming(pubsub, topic, handle),
    ):
        assert await inbox.data(attempts + 1) == [b"bad"] * attempts + [b"good"]

    assert await committed(kafka, group, topic) == 2
    assert any(said in message for message in caplog.messages)


async def test_a_batch_is_handed_over_when_it_is_full_or_its_time_is_up(kafka: KafkaBroker) -> None:
    topic, sizes = unique("batches"), list[int]()
    await write(kafka, topic, *(b"%d" % number for number in range(25)))

    async def handle(messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        sizes.append(len(messages))
        return [None] * len(messages)

    async with kafka_pubsub(kafka.address) as pubsub, bulk_consuming(pubsub, topic, handle, most=10):
        await until(lambda: sum(sizes) == 25)

    assert sizes == [10, 10, 5]


async def test_a_long_backlog_is_read_to_its_end(kafka: KafkaBroker) -> None:
    """Fetching pauses and goes on many times meanwhile."""
    topic, inbox = unique("backlog"), Inbox()
    async with kafka_pubsub(kafka.address) as pubsub:
        sent = [b"%d" % number for number in range(5_000)]
        assert await pubsub.publish_many(topic, [Message(each, {"partitionKey": "k"}) for each in sent]) == {}
        async with consuming(pubsub, topic, inbox):
            assert await inbox.data(5_000) == sent


async def test_a_topic_that_is_made_later_is_found(
    kafka_brokers: Callable[..., KafkaBroker], caplog: pytest.LogCaptureFixture
) -> None:
    broker = kafka_brokers({"auto.create.topics.enable": "false"})
    topic, other, inbox, others = unique("later"), unique("there"), Inbox(), Inbox()
    broker.create_topic(other)
    async with (
        kafka_pubsub(broker.address) as pubsub,
        consuming(pubsub, topic, inbox),
        consuming(pubsub, other, others),
    ):
        await pubsub.publish(other, Message(b"meanwhile"))
        assert await others.data(1) == [b"meanwhile"]
        await until(lambda: any(f"topic '{topic}' is not on the broker" in each for each in caplog.messages))
        broker.create_topic(topic)
        await pubsub.publish(topic, Message(b"found"))
        assert await inbox.data(1) == [b"found"]


async def test_of_two_subscriptions_to_one_topic_the_latest_gets_its_messages(kafka: KafkaBroker) -> None:
    topic, first, second = unique("twice"), Inbox(), Inbox()
    async with kafka_pubsub(kafka.address) as pubsub, consuming(pubsub, topic, first):
        await pubsub.publish(topic, Message(b"1"))
        await first.data(1)
        async with consuming(pubsub, topic, second):
            await pubsub.publish(topic, Message(b"2"))
            assert await second.data(1) == [b"2"]
        await pubsub.publish(topic, Message(b"3"))
        assert await first.data(2) == [b"1", b"3"]


async def test_a_handler_that_breaks_ends_its_subscription_with_its_error(kafka: KafkaBroker) -> None:
    topic = unique("broken")

    async def handle(message: Message) -> None:
        raise ZeroDivisionError

    async with kafka_pubsub(kafka.address) as pubsub:
        await pubsub.publish(topic, Message(b"x"))
        with pytest.raises(ZeroDivisionError):
            await pubsub.consume(topic, {}, handle, lambda: None)


@pytest.mark.parametrize("topic", ["a*", "", ".."])
async def test_a_subscription_to_what_cannot_be_a_topic_is_refused(kafka: KafkaBroker, topic: str) -> None:
    async with kafka_pubsub(kafka.address) as pubsub:
        with pytest.raises(ComponentError, match="cannot be a topic"):
            await pubsub.consume(topic, {}, Inbox(), lambda: None)


async def test_a_subscription_with_a_schema_is_refused(kafka: KafkaBroker) -> None:
    async with kafka_pubsub(kafka.address) as pubsub:
        with pytest.raises(ComponentError, match="schema registry"):
            await pubsub.consume("t", {"valueSchemaType": "Avro"}, Inbox(), lambda: None)
