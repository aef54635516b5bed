"""An app beside the real daprd, with Kafka, that is asked to stop in the midst of its work.

Its handler comes to its end, and its relay writes down what it has published: nothing is on the broker twice,
nothing is a dead letter, and each order is applied once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import Engine, create_engine

from faults.counted import Counting, make_tables, stop, variables_of, wait_for_all, waiting
from faults.sidecars import component, daprd_beside
from support.kafka import KafkaBroker
from support.processes import PATIENCE, Program, eventually, free_ports

TOPICS, PARTITIONS = ("orders", "echoes"), 2
STOPS, ORDERS, BATCH = 2, 10, 60
LISTENS = "HTTP server is running"
"""daprd is there, and waits for its app."""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program could answer"),
]


def kafka_component(address: str) -> str:
    return component(
        "pubsub",
        "pubsub.kafka",
        brokers=address,
        authType="none",
        consumerGroup="shop",
        initialOffset="oldest",
        consumeRetryInterval="100ms",
        backOffPolicy="constant",
        backOffDuration="200ms",
        backOffMaxRetries="-1",
        version="2.8.0",
    )


@contextmanager
def disposing(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


async def on_broker(address: str) -> tuple[set[str], dict[str, list[str]]]:
    """The topics that there are, and the ids of the events of each of TOPICS."""
    async with AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False) as consumer:
        found: dict[str, list[str]] = {}
        for topic in TOPICS:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends, found[topic] = await consumer.end_offsets(places), []
            while [place for place in places if await consumer.position(place) < ends[place]]:
                for records in (await consumer.getmany(timeout_ms=1_000)).values():
                    found[topic] += [json.loads(record.value)["id"] for record in records]
        return {each for each in await consumer.topics() if not each.startswith("__")}, found


def test_stopping_behind_daprd_sends_nothing_twice(
    tmp_path: Path, own_kafka: KafkaBroker, daprd: Path
) -> None:
    url, (port,) = f"sqlite:///{tmp_path / 'shop.db'}", free_ports(1)
    for topic in TOPICS:
        own_kafka.create_topic(topic, partitions=PARTITIONS)
    # An app that is away for a moment would lose what is under way to it: see docs/explanation/proof.md.
    flags, kafka = ("--app-max-concurrency", "1"), {"pubsub.yaml": kafka_component(own_kafka.address)}
    with (
        daprd_beside(daprd, tmp_path, kafka, *flags, app_port=port, awaited=LISTENS) as beside,
        disposing(create_engine(url)) as engine,
    ):
        service = Counting(tmp_path, port, beside, engine, variables_of(tmp_path, url, beside.port))
        make_tables(tmp_path, service.variables)
        for turn in range(STOPS):
            with service.serving() as program:
                stop_at_work(service, program, turn)
        with service.serving() as program:
            wait_for_all(service, STOPS * (ORDERS + BATCH), program)
            eventually(lambda: waiting(engine) == 0, lambda: program.output, program)
        runs, applied = service.noted("runs"), service.applied()
    orders = [f"e{number}" for number in range(STOPS * ORDERS)]
    batches = [f"batch-{number}" for number in range(STOPS * BATCH)]
    topics, found = asyncio.run(on_broker(own_kafka.address))
    assert topics == set(TOPICS), "there is no dead letter"
    assert sorted(found["orders"]) == sorted(orders)
    assert sorted(found["echoes"]) == sorted([*batches, *(f"echo-{each}" for each in orders)])
    assert sorted(runs) == sorted(orders), "each handler that was begun has come to its end"
    assert sum(map(len, applied.values())) == len(orders)


def stop_at_work(service: Counting, program: Program, turn: int) -> None:
    """Stop it while a handler works and a batch is on its way."""
    before = len(service.noted("runs"))
    service.publish(turn * ORDERS, ORDERS)
    eventually(lambda: len(service.noted("runs")) > before, lambda: program.output, program, 4 * PATIENCE)
    staged = httpx.post(
        f"http://127.0.0.1:{service.port}/batch", params={"first": turn * BATCH, "count": BATCH},
        trust_env=False, timeout=PATIENCE,
    )  # fmt: skip
    assert staged.status_code == 200, staged.text
    assert waiting(service.engine) > 0, "its relay is in the midst of it"
    stop(program)
