"""The consumer group: its members, its partitions, and whether it gets on. Pure.

A sidecar that says that it is well proves nothing: what counts is that the committed offset moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor import commands
from outboard.doctor.checks.broker import subject_of, subscribed_topics
from outboard.doctor.evidence import BrokerSeen, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status
from outboard.hops.record import HopKind
from outboard.sidecar.components.pubsub.standing import PartitionStanding, TopicStanding

__all__ = [
    "group_deleted",
    "group_members",
    "group_moves",
    "group_offset",
    "group_partitions",
    "group_shared",
    "group_size",
]

OLD: Final = 5.0
"""Seconds after which an event that waits, while nothing moves, is one that is stuck."""
LINES: Final = 3


def group_members(seen: Evidence) -> Iterator[CheckResult]:
    """Somebody of the group reads the topic."""
    title = "a member of the consumer group reads the topic"
    for broker, topic in _each(seen):
        if topic.members:
            yield _passed("group-members", title, broker, topic)
        elif topic.exists:
            evidence = (f"group '{broker.group}' has no member that reads '{topic.topic}'",)
            fix = "See in the sidecar's log why its subscription has ended; start it anew"
            yield _result("group-members", title, broker, topic, Status.FAILED, evidence, fix)


def group_shared(seen: Evidence) -> Iterator[CheckResult]:
    """Two apps in one group get a part of the events each."""
    title = "no other app is in its consumer group"
    apps: dict[tuple[str, str, str], set[str]] = {}
    for broker, topic in _each(seen):
        apps.setdefault((broker.address, broker.group, topic.topic), set()).add(broker.app_id)
    for broker, topic in _each(seen):
        others = apps[broker.address, broker.group, topic.topic] - {broker.app_id}
        if not others:
            yield _passed("group-shared", title, broker, topic)
            continue
        evidence = (
            f"{', '.join(sorted(others))} reads '{topic.topic}' in group '{broker.group}' too: each of them "
            "gets a part of the events",
        )
        fix = "Give each app a group of its own: leave `consumerGroup` and `consumerID` out, or set {appID}"
        yield _result("group-shared", title, broker, topic, Status.FAILED, evidence, fix)


def group_partitions(seen: Evidence) -> Iterator[CheckResult]:
    """Every partition has an owner; one that has none now, and had none before, has none."""
    title = "each partition has an owner"
    for broker, topic in _each(seen):
        if not topic.members:
            continue
        before = {each.number for each in _before(broker, topic) if not each.owner}
        orphans = [each.number for each in topic.partitions if not each.owner and each.number in before]
        if not orphans:
            yield _passed("group-partitions", title, broker, topic)
            continue
        evidence = (
            f"partition {', '.join(map(str, orphans))} of '{topic.topic}' has no owner in '{broker.group}'",
        )
        fix = "The group may be in a rebalance that does not end: see which member joins again and again"
        yield _result("group-partitions", title, broker, topic, Status.FAILED, evidence, fix)


def group_size(seen: Evidence) -> Iterator[CheckResult]:
    """More members than partitions: some of them idle."""
    title = "there is a partition for each member"
    for broker, topic in _each(seen):
        members, partitions = len(topic.members), len(topic.partitions)
        if broker.type == "pubsub.redis":
            continue  # a stream is no partition: its consumers share it
        if members <= partitions:
            yield _passed("group-size", title, broker, topic)
            continue
        evidence = (f"{members} members share {partitions} partitions of '{topic.topic}': some get nothing",)
        fix = "Add partitions to the topic, or run fewer instances"
        yield _result("group-size", title, broker, topic, Status.WARNING, evidence, fix)


def group_offset(seen: Evidence) -> Iterator[CheckResult]:
    """A group without a committed offset begins behind what is there."""
    title = "the group has committed where it is"
    for broker, topic in _each(seen):
        fresh = [each for each in topic.partitions if each.committed is None and each.end > each.begin]
        if not fresh or not broker.initial_newest:
            yield _passed("group-offset", title, broker, topic)
            continue
        events = sum(each.end - each.begin for each in fresh)
        evidence = (
            f"group '{broker.group}' has committed nothing for partition "
            f"{', '.join(str(each.number) for each in fresh)}, where {events} events lie: with "
            "`initialOffset: newest` those from before its start are skipped",
        )
        fix = "Set `initialOffset: oldest` in the component"
        yield _result("group-offset", title, broker, topic, Status.WARNING, evidence, fix)


def group_deleted(seen: Evidence) -> Iterator[CheckResult]:
    """Events that were deleted before the group had read them."""
    title = "nothing was deleted that it had not read"
    for broker, topic in _each(seen):
        gone = [
            each for each in topic.partitions if each.committed is not None and each.committed < each.begin
        ]
        gone = gone if broker.type == "pubsub.kafka" else []
        lines = _said(seen, broker, "deleted", topic.topic)
        if not gone and not lines:
            yield _passed("group-deleted", title, broker, topic)
            continue
        evidence = tuple(
            f"partition {each.number}: the group is at offset {each.committed}, and what lies before "
            f"{each.begin} is deleted: {each.begin - (each.committed or 0)} events"
            for each in gone
        )
        fix = "They are lost. Keep events for longer (`retention.ms`, `retention`), or read them sooner"
        yield _result("group-deleted", title, broker, topic, Status.FAILED, (*evidence, *lines), fix)


def group_moves(seen: Evidence) -> Iterator[CheckResult]:
    """What waits gets less, or the committed offset moves between two looks."""
    title = "it gets on with what waits"
    for broker, topic in _each(seen):
        before = {each.number: each for each in _before(broker, topic)}
        stuck = [each for each in topic.partitions if _stands(each, before.get(each.number))]
        if not stuck:
            yield _passed("group-moves", title, broker, topic)
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
        status = Status.FAILED if old or said or failed else Status.WARNING
        yield _result("group-moves", title, broker, topic, status, evidence[:10], fix)


# What they have in common


def _each(seen: Evidence) -> Iterator[tuple[BrokerSeen, TopicStanding]]:
    for broker in seen.brokers:
        if broker.visible and not broker.failure:
            for topic in subscribed_topics(seen, broker):
                yield broker, topic


def _before(broker: BrokerSeen, topic: TopicStanding) -> tuple[PartitionStanding, ...]:
    return next((each.partitions for each in broker.before if each.topic == topic.topic), topic.partitions)


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
        owner += f"; it has failed {now.attempts} times, the last time because {now.reason}"
    return (
        f"partition {now.number}: {event} at offset {offset} is next, {now.lag} wait, and the committed "
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


def _said(seen: Evidence, broker: BrokerSeen, word: str, topic: str) -> tuple[str, ...]:
    lines = [
        line.message
        for app in seen.apps
        if app.app_id == broker.app_id
        for line in app.log
        if line.level == "warn" and word in line.message and f"'{topic}'" in line.message
        and broker.group in line.message
    ]  # fmt: skip
    return tuple(lines[-LINES:])


def _command(broker: BrokerSeen, topic: TopicStanding) -> ManualCommand:
    return commands.group(broker.type, broker.address, broker.group, topic.topic)


def _passed(code: str, title: str, broker: BrokerSeen, topic: TopicStanding) -> CheckResult:
    return CheckResult(code, title, subject_of(broker, topic), Status.PASSED)


def _result(
    code: str,
    title: str,
    broker: BrokerSeen,
    topic: TopicStanding,
    status: Status,
    evidence: tuple[str, ...],
    fix: str,
) -> CheckResult:
    return CheckResult(code, title, subject_of(broker, topic), status, evidence, fix, _command(broker, topic))
