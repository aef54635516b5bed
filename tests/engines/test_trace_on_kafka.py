"""A chain of apps on Kafka, behind either sidecar: the record agrees with the broker's own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from outboard.hops.record import HopKind
from outboard.hops.story import stories
from outboard.resources.component import Component, MetadataItem
from support.chain_run import HOURS, TracedRun, chain_run
from support.kafka import KafkaBroker
from support.raw_payloads import hops_of_a_raw_payload

KAFKA = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: pubsub}}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - {{name: brokers, value: "{brokers}"}}
    - {{name: authType, value: none}}
    - {{name: initialOffset, value: oldest}}
    - {{name: backOffDuration, value: 50ms}}
"""
TOPICS = ("tasks", "tasks-dead", "bills")
MINUTE = 60.0


async def records(broker: KafkaBroker, count: int) -> list[tuple[str, str, str, str, float]]:
    """The event, topic, partition, offset and time of each record of the topics."""
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    found: list[tuple[str, str, str, str, float]] = []
    async with consumer:
        while len(found) < count:
            record = await consumer.getone()
            name = json.loads(record.value)["id"]
            place = record.topic, str(record.partition), str(record.offset)
            found.append((name, *place, record.timestamp / 1000))
    return found


def placed(run: TracedRun) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each delivery that the record tells of, with its event."""
    (task,) = run.traced("--conversation", run.event_id)
    (bill,) = task["children"]
    return [(event, step) for event in (task, bill) for step in event["steps"] if "attempt" in step]


@pytest.mark.parametrize("sidecar", ["outboard", "daprd"])
def test_the_tree_and_each_place_are_those_of_the_broker(
    own_kafka: KafkaBroker, tmp_path: Path, sidecar: str, request: pytest.FixtureRequest
) -> None:
    for topic in TOPICS:
        own_kafka.create_topic(topic, 3)
    engine = ["--engine", "daprd", "--daprd-path", str(request.getfixturevalue("daprd"))]
    arguments = engine if sidecar == "daprd" else []
    components = {"pubsub": KAFKA.format(brokers=own_kafka.address)}
    with chain_run(tmp_path, components, *arguments) as run:
        (task,) = run.traced("--conversation", run.event_id)
        deliveries = placed(run)
        kept = asyncio.run(records(own_kafka, 4))

    assert [(step["kind"], step["app"], step["topic"]) for step in task["steps"]] == [
        ("published", "backend", "tasks"),
        ("handled", "billing", "tasks"),
        ("handled", "billing", "tasks"),
        ("dead-lettered", "billing", "tasks-dead"),
        ("handled", "operator", "tasks-dead"),
        ("replayed", "operator", "tasks"),
        ("handled", "billing", "tasks"),
    ]
    (bill,) = task["children"]
    assert [(step["kind"], step["app"]) for step in bill["steps"]] == [
        ("published", "billing"),
        ("handled", "mail"),
    ]
    places = {(event["id"], step["topic"], step["partition"], step["offset"]) for event, step in deliveries}
    assert places == {record[:4] for record in kept}
    if sidecar == "outboard":  # daprd does not tell where it has put an event
        published = [
            (event["id"], step["topic"], step["partition"], step["offset"])
            for event in (task, bill)
            for step in event["steps"]
            if step["kind"] in ("published", "dead-lettered", "replayed")
        ]
        assert sorted(published) == sorted(record[:4] for record in kept)
    written = {record[:4]: record[4] for record in kept}
    for event, step in deliveries:
        at = step["at"] - HOURS[step["app"]] * 3600
        assert abs(at - written[event["id"], step["topic"], step["partition"], step["offset"]]) < MINUTE


@pytest.mark.anyio
@pytest.mark.parametrize("bulk", [False, True], ids=["alone", "in bulk"])
async def test_a_raw_payload_is_one_story(kafka: KafkaBroker, tmp_path: Path, bulk: bool) -> None:
    topic = f"readings-{tmp_path.name}"
    metadata = {
        "brokers": kafka.address,
        "authType": "none",
        "initialOffset": "oldest",
        "backOffDuration": "50ms",
    }
    items = tuple(MetadataItem(name, value) for name, value in metadata.items())
    pubsub = Component("pubsub", "pubsub.kafka", metadata=items)
    hops, given = await hops_of_a_raw_payload(pubsub, topic, tmp_path / "hops", bulk=bulk)
    assert len(set(given)) == 1, given
    assert {hop.event.event_id for hop in hops} == set(given)
    assert [hop.kind for hop in hops].count(HopKind.DELIVERED) == 2
    assert len(stories(hops)) == 1
