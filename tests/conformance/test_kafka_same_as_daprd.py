"""The same Kafka behind daprd and behind ours: what is written, and what reaches the app, are the same."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from conformance.app import Received
from conformance.question import Group, Respond
from conformance.sidecars import Program, Running, log_of_a_failed_start, running
from outboard.sidecar.components.kafka.partitioner import partition_for
from support.kafka import KafkaBroker
from support.kafka_component import unique

pytestmark = [pytest.mark.anyio, pytest.mark.engine("daprd")]

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: kafka-pubsub
spec:
  type: pubsub.kafka
  version: v1
  metadata:
"""
KEYS = [*(f"key-{number}" for number in range(400)), "", " ", "ä", "日本語", "x" * 300, "a\tb"]
VARYING = ("user-agent", "accept-encoding", "host", "content-length", "accept", "connection")


def component(broker: KafkaBroker, group: str, **metadata: str) -> str:
    items = {"brokers": broker.address, "authType": "none", "consumerGroup": group, **metadata}
    lines = (f"    - name: {name}\n      value: {json.dumps(value)}\n" for name, value in items.items())
    return COMPONENT + "".join(lines)


@asynccontextmanager
async def sidecars(
    programs: tuple[Program, Program],
    broker: KafkaBroker,
    folder: Path,
    topic: str,
    group: str = "",
    **metadata: str,
) -> AsyncIterator[tuple[Running, Running]]:
    """Both in `group`, or each in one of its own; one subscription for single events, one for batches."""
    subscriptions: list[dict[str, Any]] = [
        {
            "pubsubname": "kafka-pubsub",
            "topic": topic,
            "route": "/one",
            "deadLetterTopic": f"{topic}-dead",
        },
        {
            "pubsubname": "kafka-pubsub",
            "topic": f"{topic}-bulk",
            "route": "/many",
            "bulkSubscribe": {"enabled": True, "maxMessagesCount": 3, "maxAwaitDurationMs": 200},
        },
    ]
    groups = [
        Group(
            f"kafka {program.name}",
            (),
            {
                "kafka.yaml": component(
                    broker, group or unique(program.name), initialOffset="oldest", **metadata
                )
            },
            subscribe=_answer(subscriptions),
        )
        for program in programs
    ]
    async with (
        running(programs[0], groups[0], folder / "daprd") as daprd,
        running(programs[1], groups[1], folder / "ours") as ours,
    ):
        yield daprd, ours


def _answer(subscriptions: list[dict[str, Any]]) -> Respond:
    return Respond(200, json.dumps(subscriptions).encode())


async def publish(sidecar: Running, path: str, body: object, **metadata: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            f"http://127.0.0.1:{sidecar.port}/{path}",
            content=json.dumps(body),
            headers={"content-type": "application/json"},
            params={f"metadata.{name}": value for name, value in metadata.items()},
            timeout=30,
        )


async def records(broker: KafkaBroker, topic: str, count: int) -> list[ConsumerRecord]:
    found: list[ConsumerRecord] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    async with asyncio.timeout(60), consumer:
        while len(found) < count:
            found.append(await consumer.getone())
    return found


def told(request: Received) -> dict[str, str]:
    return {name: value for name, value in request.headers if name not in VARYING}


async def delivered(sidecar: Running, path: str, count: int) -> list[Received]:
    async with asyncio.timeout(60):
        await sidecar.app.until([path], count)
    return sidecar.app.at([path])[:count]


async def test_each_key_goes_to_the_partition_that_daprd_chooses(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path
) -> None:
    topics = [unique(program.name) for program in programs]
    for topic in topics:
        kafka.create_topic(topic, partitions=7)
    entries = [
        {
            "entryId": str(number),
            "event": {},
            "contentType": "application/json",
            "metadata": {"partitionKey": key},
        }
        for number, key in enumerate(KEYS)
    ]
    async with sidecars(programs, kafka, tmp_path, unique("unused")) as both:
        for sidecar, topic in zip(both, topics, strict=True):
            answer = await publish(sidecar, f"v1.0-alpha1/publish/bulk/kafka-pubsub/{topic}", entries)
            assert answer.status_code == 204, answer.text
    chosen = [
        {record.key: record.partition for record in await records(kafka, topic, len(KEYS))}
        for topic in topics
    ]

    assert len(chosen[0]) == len(KEYS)
    assert chosen[0] == chosen[1]
    assert chosen[0] == {key.encode(): partition_for(key.encode(), None, 7, lambda: 0.0) for key in KEYS}


@pytest.mark.parametrize(
    "asked", [{"partitionKey": "request", "x": "request"}, {"rawPayload": "true", "x": "request"}, {}]
)
async def test_of_a_bulk_publish_the_metadata_of_the_request_counts_before_that_of_an_entry(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path, asked: Mapping[str, str]
) -> None:
    """In what becomes keys and headers; what an event says of itself follows its entry."""
    own: list[dict[str, str] | None] = [
        {"partitionKey": "entry", "x": "entry", "y": "entry", "cloudevent.id": "1"}, {}, None,
    ]  # fmt: skip
    entries = [
        {"entryId": str(number), "event": {"n": number}, "contentType": "application/json"}
        | ({} if metadata is None else {"metadata": metadata})
        for number, metadata in enumerate(own)
    ]
    topics = [unique(program.name) for program in programs]
    async with sidecars(programs, kafka, tmp_path, unique("unused")) as both:
        for sidecar, topic in zip(both, topics, strict=True):
            answer = await publish(sidecar, f"v1.0/publish/bulk/kafka-pubsub/{topic}", entries, **asked)
            assert answer.status_code == 204, answer.text
    written = [
        [(record.key, sorted(record.headers)) for record in await records(kafka, topic, len(own))]
        for topic in topics
    ]

    assert written[1] == written[0]
    key, headers = written[1][0]
    assert key == asked.get("partitionKey", "entry").encode()
    assert dict(headers)["x"] == asked.get("x", "entry").encode()


async def test_a_bulk_that_leaves_its_bounds_open_has_those_of_daprd(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path
) -> None:
    """80 events at once; of more, the rest waits for 10 s, which is far longer than the answers take."""
    topic, count = unique("open"), 200
    async with AIOKafkaProducer(bootstrap_servers=kafka.address) as producer:
        for number in range(count):
            event = {"specversion": "1.0", "id": str(number), "source": "s", "type": "t", "data": number}
            await producer.send_and_wait(topic, json.dumps(event).encode())
    subscription: dict[str, Any] = {
        "pubsubname": "kafka-pubsub", "topic": topic, "route": "/open", "bulkSubscribe": {"enabled": True},
    }  # fmt: skip
    sizes = []
    for program in programs:
        files = {"kafka.yaml": component(kafka, unique(program.name), initialOffset="oldest")}
        group = Group("open bounds", (), files, subscribe=_answer([subscription]))
        async with running(program, group, tmp_path / program.name) as sidecar:
            requests = await delivered(sidecar, "/open", 2)
        sizes.append([len(json.loads(request.body)["entries"]) for request in requests])

    assert sizes == [[80, 80], [80, 80]]


@pytest.mark.parametrize("settings", [{}, {"escapeHeaders": "true"}], ids=["plain", "escaped"])
async def test_a_record_reaches_the_app_in_the_same_way(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path, settings: Mapping[str, str]
) -> None:
    """Records of a third client: keys, odd headers, tombstones, and what is no CloudEvent."""
    topic = unique("delivered")
    event = b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"a": "\xc3\xa9"}}'
    written: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
        (b"key", event, [("X-Mixed", b"v"), ("empty", b"")]),
        (None, event, [("__offset", b"99"), ("x-space", b" a=b&c/d ")]),
        (b"", event, [("tilde", b"~-_.!*'()")]),
        (b"tombstone", None, []),
        ("größe".encode(), event, [("x-utf8", "größe 日本".encode())]),
    ]
    async with AIOKafkaProducer(bootstrap_servers=kafka.address) as producer:
        for name in topic, f"{topic}-bulk":
            for key, value, headers in written:
                await producer.send_and_wait(
                    name, value, key, headers=headers, timestamp_ms=1_700_000_000_000
                )

    async with sidecars(programs, kafka, tmp_path, topic, **settings) as (daprd, ours):
        expected, found = [await delivered(sidecar, "/one", len(written)) for sidecar in (daprd, ours)]
        batches = [await delivered(sidecar, "/many", 1) for sidecar in (daprd, ours)]

    assert [told(request) for request in found] == [told(request) for request in expected]
    assert [request.body for request in found] == [request.body for request in expected]
    theirs, own = [json.loads(requests[0].body) for requests in batches]
    assert [entry["metadata"] for entry in own["entries"]] == [
        entry["metadata"] for entry in theirs["entries"]
    ]
    assert [entry["entryId"] for entry in own["entries"]] == [entry["entryId"] for entry in theirs["entries"]]


async def test_both_share_one_consumer_group(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path
) -> None:
    topic, published = unique("shared"), 0
    kafka.create_topic(topic, partitions=4)
    async with sidecars(programs, kafka, tmp_path, topic, group=unique("group")) as both:

        def handled() -> list[set[int]]:
            requests = [sidecar.app.at(["/one"]) for sidecar in both]
            return [{json.loads(request.body)["data"] for request in each} for each in requests]

        async with asyncio.timeout(100):
            while not all(handled()):  # the group takes its time until both have their share
                number = {"partitionNumber": str(published % 4)}
                answer = await publish(
                    both[published % 2], f"v1.0/publish/kafka-pubsub/{topic}", published, **number
                )
                assert answer.status_code == 204
                published += 1
                await asyncio.sleep(0.1)
            while len(set.union(*handled())) < published:  # noqa: ASYNC110 - either app may be the one
                await asyncio.sleep(0.1)

    assert set.union(*handled()) == set(range(published))


async def test_a_dead_letter_keeps_its_key_and_tells_where_it_was(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path
) -> None:
    """One event that the app drops, one that it refuses, and one that is no CloudEvent."""
    topic = unique("dropped")
    async with sidecars(programs, kafka, tmp_path, topic) as (daprd, ours):
        for sidecar in daprd, ours:
            sidecar.app.prepare({"/one": [Respond(200, b'{"status": "DROP"}'), Respond(500)]})
        for body, raw in ({"n": 1}, "false"), ({"n": 2}, "false"), ("no event", "true"):
            answer = await publish(
                daprd, f"v1.0/publish/kafka-pubsub/{topic}", body, partitionKey="k", rawPayload=raw
            )
            assert answer.status_code == 204
        dead = await records(kafka, f"{topic}-dead", 6)

    letters = sorted((record.value, record.key, sorted(record.headers)) for record in dead)
    assert letters[::2] == letters[1::2]
    assert {key for _, key, _ in letters} == {b"k"}
    assert {("__topic", topic.encode()), ("pubsubName", b"kafka-pubsub")} <= set(letters[0][2])


async def test_what_is_published_is_written_in_the_same_way(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path
) -> None:
    topics = [unique(program.name) for program in programs]
    async with sidecars(programs, kafka, tmp_path, unique("unused")) as both:
        for sidecar, topic in zip(both, topics, strict=True):
            path = f"v1.0/publish/kafka-pubsub/{topic}"
            given = {"partitionKey": "a b", "ttlInSeconds": "100000", "x-odd": "é\t"}
            assert (await publish(sidecar, path, {"a": 1}, **given)).status_code == 204
            for raw in "null", "1":
                answer = await publish(sidecar, path, json.loads(raw), rawPayload="true", __key="k")
                assert answer.status_code == 204
    written = [
        [(record.key, sorted(record.headers), record.value) for record in await records(kafka, topic, 3)]
        for topic in topics
    ]

    assert [each[:2] for each in written[0]] == [each[:2] for each in written[1]]
    assert (
        [value for _, _, value in written[0]][1:] == [value for _, _, value in written[1]][1:] == [None, b"1"]
    )


@pytest.mark.parametrize(
    "metadata", [{"partitionNumber": "7"}, {"partitionNumber": "x"}, {"partitionNumber": "-1"}, {"big": "x"}]
)
async def test_what_cannot_be_published_is_refused_with_the_same_words(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path, metadata: Mapping[str, str]
) -> None:
    body = "x" * 3_000 if "big" in metadata else "x"
    topic = unique("refused")
    answers = []
    async with sidecars(programs, kafka, tmp_path, unique("unused"), maxMessageBytes="2000") as both:
        for sidecar in both:
            await publish(sidecar, f"v1.0/publish/kafka-pubsub/{topic}", "first")
            answer = await publish(
                sidecar, f"v1.0/publish/kafka-pubsub/{topic}", body, rawPayload="true", **metadata
            )
            answers.append((answer.status_code, answer.json()["message"]))

    assert answers[0][0] == 500
    assert answers[1] == answers[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"authType": ""},
        {"authType": "password"},
        {"authType": "password", "saslUsername": "u"},
        {"authType": "certificate"},
        {"authType": "kerberos"},
        {"initialOffset": "latest"},
        {"version": "two"},
    ],
    ids=lambda wrong: "-".join(f"{name}={value}" for name, value in wrong.items()),
)
async def test_what_cannot_be_set_up_ends_both_with_the_same_reason(
    programs: tuple[Program, Program], kafka: KafkaBroker, tmp_path: Path, wrong: Mapping[str, str]
) -> None:
    reasons = []
    for program in programs:
        group = Group("wrong", (), {"kafka.yaml": component(kafka, "g", **wrong)}, app=False)
        reasons.append(await log_of_a_failed_start(program, group, tmp_path / program.name))

    expected = re.search(r"pubsub.kafka/v1\): ((?:kafka error: |missing )[^\"]+?)\"", reasons[0])
    assert expected is not None, reasons[0]
    assert expected[1].strip() in reasons[1]
