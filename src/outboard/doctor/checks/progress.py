"""Whether a consumer group gets on: what keeps a partition, and who has it. Pure.

A sidecar that says that it is well proves nothing: what counts is that the committed offset moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor.checks.broker import subscribed_topics
from outboard.doctor.checks.group import as_before, passed, result, topics_of_groups
from outboard.doctor.evidence import BrokerSeen, Evidence
from outboard.doctor.results import CheckResult, Status
from outboard.hops.record import HopKind
from outboard.sidecar.components.pubsub.standing import PartitionStanding, TopicStanding

__all__ = ["group_moves"]

OLD: Final = 5.0
"""Seconds after which an event that waits, while nothing moves, is one that is stuck."""
LINES: Final = 3
MOST: Final = 10


def group_moves(seen: Evidence) -> Iterator[CheckResult]:
    """What waits gets less, or the committed offset moves between two looks."""
    title = "it gets on with what waits"
    for broker, topic in topics_of_groups(seen):
        before = {each.number: each for each in as_before(broker, topic)}
        # Of a group without a commit that begins behind what is there, that does not wait: `group_offset`.
        counted = [
            each for each in topic.partitions if not (broker.initial_newest and each.committed is None)
        ]
        stuck = [each for each in counted if _stands(each, before.get(each.number))]
        if not stuck:
            yield passed("group-moves", title, broker, topic)
            continue
        waits = [_waited(each, seen) for each in stuck]
        said = [line for each in stuck for line in _of_event(seen, topic, each)]
        failed = any(each.attempts for each in stuck)
        old = any(seconds >= OLD for seconds in waits)
        evidence = (
            *(_told(each, before[each.number], broker.seconds) for each in stuck),
            *_back_and_forth(seen, broker, stuck),
            *dict.fromkeys(said),
        )
        fix = (
            "See why the app does not take that event; a dead letter topic and a retry policy let others pass"
        )
        if failed:  # known of pubsub.sqlite alone
            fix += ". `outboard topics held` names the commands to go on behind it"
        status = Status.FAILED if old or said or failed else Status.WARNING
        yield result("group-moves", title, broker, topic, status, evidence[:MOST], fix)


def _stands(now: PartitionStanding, before: PartitionStanding | None) -> bool:
    return bool(now.lag and before and before.lag and before.committed == now.committed and now.waiting)


def _waited(partition: PartitionStanding, seen: Evidence) -> float:
    published = partition.waiting.published if partition.waiting else None
    return (seen.at - published).total_seconds() if published else 0.0


def _told(now: PartitionStanding, before: PartitionStanding, seconds: float) -> str:
    event = f"event {now.waiting.id}" if now.waiting and now.waiting.id else "an event"
    offset = now.waiting.offset if now.waiting else now.committed
    owner = f"; its owner was {before.owner}, and is {now.owner}" if before.owner != now.owner else ""
    if now.attempts:
        often = "once, because" if now.attempts == 1 else f"{now.attempts} times, the last time because"
        owner += f"; it has failed {often} {now.reason}"
    waits = "waits" if now.lag == 1 else "wait"
    return (
        f"partition {now.number}: {event} at offset {offset} is next, {now.lag} {waits}, and the committed "
        f"offset, {now.committed}, has not moved for {seconds:.1f} s{owner}"
    )


def _of_event(seen: Evidence, topic: TopicStanding, partition: PartitionStanding) -> list[str]:
    """Lines of the sidecars' logs about the event that is next."""
    return [
        f"the sidecar of {app.app_id} said: {line.message}"
        for app in seen.apps
        for line in [each for each in app.log if _is_about(each.message, topic, partition)][-LINES:]
    ]


def _back_and_forth(seen: Evidence, broker: BrokerSeen, stuck: list[PartitionStanding]) -> Iterator[str]:
    topics = subscribed_topics(seen, broker)
    for partition in stuck:
        by_log = [
            app.app_id
            for app in seen.apps
            if any(_is_about(line.message, topic, partition) for topic in topics for line in app.log)
        ]
        event_id = partition.waiting.id if partition.waiting else ""
        by_record = [
            " ".join(filter(None, [hop.app_id, hop.instance]))
            for hop in seen.hops
            if hop.kind == HopKind.DELIVERED and event_id and hop.event_id == event_id
        ]
        holders = list(dict.fromkeys(by_record or by_log))
        if len(holders) > 1 and partition.waiting:
            yield f"event {partition.waiting.id} goes back and forth between {' and '.join(holders)}"


def _is_about(message: str, topic: TopicStanding, partition: PartitionStanding) -> bool:
    waiting = partition.waiting
    if waiting is None:
        return False
    place = f"{topic.topic}/{partition.number}/{waiting.offset}"
    return (bool(waiting.id) and waiting.id in message) or place in message
