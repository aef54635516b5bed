"""A Kafka broker looked into from outside: a group's offsets and members, and the events that wait.

It joins no group, and commits nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.kafka.connection import connection
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.kafka.settings_reader import read_settings
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.pubsub.standing import (
    BrokerStanding,
    GroupMember,
    PartitionStanding,
    TopicStanding,
    WaitingEvent,
)
from outboard.sidecar.components.pubsub.waiting import reason_of, waiting_event

__all__ = ["inspect"]

REQUEST_LIMIT: Final = 1_500
"""Milliseconds for each request: whoever looks wants to know soon."""
FETCH: Final = 0.6
"""Seconds to wait for the events that wait: they are there already."""
INTERNAL: Final = "__"
MOST_TOPICS: Final = 100
SETTLED: Final = frozenset({"Stable", "Empty", "Dead"})
"""States of a group in which nothing is on its way; Kafka's `ConsumerGroupState`."""
MOST_FETCHED: Final = 32
"""Partitions of which the next event is looked at."""


async def inspect(properties: Properties, context: ComponentContext, topics: Sequence[str]) -> BrokerStanding:
    """How `topics` stand in the component's group. Raises ComponentError, ComponentInitFailed."""
    settings = read_settings(properties, context.app_id)
    try:
        async with _clients(settings) as (admin, consumer):
            return await _inspect(settings, admin, consumer, topics)
    except errors.KafkaError as error:
        where = ", ".join(settings.brokers)
        raise ComponentError(f"kafka at {where}: {error}") from error


@asynccontextmanager
async def _clients(settings: KafkaSettings) -> AsyncIterator[tuple[Any, Any]]:
    options = {**connection(settings), "request_timeout_ms": REQUEST_LIMIT}
    admin: Any = AIOKafkaAdminClient(**options)
    consumer: Any = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await asyncio.gather(admin.start(), consumer.start())
        yield admin, consumer
    finally:
        await asyncio.gather(admin.close(), consumer.stop(), return_exceptions=True)


async def _inspect(
    settings: KafkaSettings, admin: Any, consumer: Any, topics: Sequence[str]
) -> BrokerStanding:
    every = await admin.list_topics()
    there = [topic for topic in topics if topic in every]
    group = await _group(admin, settings.group)
    ends = await _offsets(consumer, admin, there)
    partitions: dict[str, list[PartitionStanding]] = {topic: [] for topic in there}
    for tp, (begin, end) in sorted(ends.items()):
        at = group.committed.get(tp)
        lag = max(end - max(begin if at is None else at, begin), 0)
        partitions[tp.topic].append(
            PartitionStanding(tp.partition, begin, end, at, group.owners.get(tp, ""), lag)
        )
    waiting = await _waiting(consumer, partitions)
    return BrokerStanding(
        settings.group,
        ", ".join(settings.brokers),
        tuple(_topic(topic, partitions.get(topic), group, waiting) for topic in topics),
        tuple(sorted(t for t in every if t not in topics and not t.startswith(INTERNAL)))[:MOST_TOPICS],
        initial_newest=settings.initial_offset == "latest",
    )


def _topic(
    name: str,
    partitions: Sequence[PartitionStanding] | None,
    group: _Group,
    waiting: Mapping[TopicPartition, tuple[WaitingEvent, str]],
) -> TopicStanding:
    if partitions is None:
        return TopicStanding(name, exists=False)
    seen = []
    reason, latest = "", None
    for each in partitions:
        found = waiting.get(TopicPartition(name, each.number))
        if found is not None:
            reason = found[1] or reason
            latest = found[0] if found[0].offset == each.end - 1 else latest
        seen.append(
            PartitionStanding(
                each.number, each.begin, each.end, each.committed, each.owner, each.lag,
                found[0] if found and each.lag else None,
            )
        )  # fmt: skip
    mine = tuple(member for member in group.members if not member.topics or name in member.topics)
    return TopicStanding(
        name,
        partitions=tuple(seen),
        members=mine,
        events=sum(each.end - each.begin for each in partitions),
        last_reason=reason,
        rebalancing=group.rebalancing,
        latest=latest,
    )


class _Group(NamedTuple):
    committed: dict[TopicPartition, int]
    members: list[GroupMember]
    owners: dict[TopicPartition, str]
    rebalancing: bool = False


async def _group(admin: Any, group: str) -> _Group:
    """Its committed offsets, its members, and who owns which partition."""
    try:
        offsets = await admin.list_consumer_group_offsets(group)
        described = await admin.describe_consumer_groups([group])
    except errors.GroupCoordinatorNotAvailableError:  # nobody has ever used a group here
        return _Group({}, [], {})
    committed = {tp: found.offset for tp, found in offsets.items() if found.offset >= 0}
    members: list[GroupMember] = []
    owners: dict[TopicPartition, str] = {}
    rebalancing = False
    for response in described:
        for _, _, state, _, _, listed, *_ in response.groups:
            rebalancing = rebalancing or state not in SETTLED
            for id, client, host, metadata, assignment, *_ in listed:
                members.append(GroupMember(id, client, host.lstrip("/"), _subscribed(metadata)))
                owners.update(dict.fromkeys(_assigned(assignment), str(id)))
    return _Group(committed, members, owners, rebalancing)


def _subscribed(metadata: bytes) -> tuple[str, ...]:
    return tuple(ConsumerProtocolMemberMetadata.decode(metadata).subscription) if metadata else ()


def _assigned(assignment: bytes) -> list[TopicPartition]:
    return ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []


async def _offsets(consumer: Any, admin: Any, topics: Sequence[str]) -> dict[TopicPartition, tuple[int, int]]:
    if not topics:
        return {}
    described = await admin.describe_topics(list(topics))
    tps = [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]
    begins, ends = await asyncio.gather(consumer.beginning_offsets(tps), consumer.end_offsets(tps))
    return {tp: (begins[tp], ends[tp]) for tp in tps}


async def _waiting(
    consumer: Any, partitions: Mapping[str, Sequence[PartitionStanding]]
) -> dict[TopicPartition, tuple[WaitingEvent, str]]:
    """The next event of each partition that has one; where nobody of the group reads, or all is read, the
    last."""
    wanted = {
        TopicPartition(topic, each.number): _next(each)
        for topic, listed in partitions.items()
        for each in listed
        if each.end > each.begin
    }
    wanted = dict(list(wanted.items())[:MOST_FETCHED])
    if not wanted:
        return {}
    consumer.assign(list(wanted))
    for tp, offset in wanted.items():
        consumer.seek(tp, offset)
    found: dict[TopicPartition, tuple[WaitingEvent, str]] = {}
    deadline = asyncio.get_running_loop().time() + FETCH
    while len(found) < len(wanted) and asyncio.get_running_loop().time() < deadline:
        for tp, records in (await consumer.getmany(timeout_ms=200)).items():
            if records and tp not in found:
                found[tp] = _read(records[0])
                consumer.pause(tp)
    return found


def _next(partition: PartitionStanding) -> int:
    at = partition.committed
    if at is None and partition.owner:  # it is still at its first event
        return partition.begin
    if at is None or at >= partition.end:
        return partition.end - 1
    return max(at, partition.begin)


def _read(record: Any) -> tuple[WaitingEvent, str]:
    body = record.value or b""
    published = datetime.fromtimestamp(record.timestamp / 1000, UTC) if record.timestamp > 0 else None
    return waiting_event(record.offset, body, published), reason_of(body)
