"""The consumer group: its members, its partitions, and where it begins. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor import commands
from outboard.doctor.checks.broker import subject_of, subscribed_topics
from outboard.doctor.evidence import BrokerSeen, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status
from outboard.sidecar.components.pubsub.standing import PartitionStanding, TopicStanding

__all__ = [
    "as_before",
    "group_deleted",
    "group_members",
    "group_offset",
    "group_partitions",
    "group_shared",
    "group_size",
    "passed",
    "result",
    "topics_of_groups",
]

LINES: Final = 3


def group_members(seen: Evidence) -> Iterator[CheckResult]:
    """Somebody of the group reads the topic."""
    title = "a member of the consumer group reads the topic"
    for broker, topic in topics_of_groups(seen):
        if topic.members:
            yield passed("group-members", title, broker, topic)
        elif topic.exists:
            evidence = (f"group '{broker.group}' has no member that reads '{topic.topic}'",)
            fix = "See in the sidecar's log why its subscription has ended; start it anew"
            yield result("group-members", title, broker, topic, Status.FAILED, evidence, fix)


def group_shared(seen: Evidence) -> Iterator[CheckResult]:
    """Two apps in one group get a part of the events each."""
    title = "no other app is in its consumer group"
    apps: dict[tuple[str, str, str], set[str]] = {}
    for broker, topic in topics_of_groups(seen):
        apps.setdefault((broker.address, broker.group, topic.topic), set()).add(broker.app_id)
    for broker, topic in topics_of_groups(seen):
        others = apps[broker.address, broker.group, topic.topic] - {broker.app_id}
        if not others:
            yield passed("group-shared", title, broker, topic)
            continue
        evidence = (
            f"{', '.join(sorted(others))} reads '{topic.topic}' in group '{broker.group}' too: each of them "
            "gets a part of the events",
        )
        fix = "Give each app a group of its own: leave `consumerGroup` and `consumerID` out, or set {appID}"
        yield result("group-shared", title, broker, topic, Status.FAILED, evidence, fix)


def group_partitions(seen: Evidence) -> Iterator[CheckResult]:
    """Every partition has an owner; one that has none now, and had none before, has none."""
    title = "each partition has an owner"
    for broker, topic in topics_of_groups(seen):
        if not topic.members:
            continue
        before = {each.number for each in as_before(broker, topic) if not each.owner}
        orphans = [each.number for each in topic.partitions if not each.owner and each.number in before]
        if not orphans:
            yield passed("group-partitions", title, broker, topic)
            continue
        evidence = (
            f"partition {', '.join(map(str, orphans))} of '{topic.topic}' has no owner in '{broker.group}'",
        )
        fix = "The group may be in a rebalance that does not end: see which member joins again and again"
        status = Status.WARNING if topic.rebalancing else Status.FAILED  # it may just have begun
        yield result("group-partitions", title, broker, topic, status, evidence, fix)


def group_size(seen: Evidence) -> Iterator[CheckResult]:
    """More members than partitions: some of them idle."""
    title = "there is a partition for each member"
    for broker, topic in topics_of_groups(seen):
        members, partitions = len(topic.members), len(topic.partitions)
        if broker.type == "pubsub.redis":
            continue  # a stream is no partition: its consumers share it
        if members <= partitions:
            yield passed("group-size", title, broker, topic)
            continue
        evidence = (f"{members} members share {partitions} partitions of '{topic.topic}': some get nothing",)
        fix = "Add partitions to the topic, or run fewer instances"
        yield result("group-size", title, broker, topic, Status.WARNING, evidence, fix)


def group_offset(seen: Evidence) -> Iterator[CheckResult]:
    """A group without a committed offset begins behind what is there. Outboard's sidecar commits where it has
    begun, and says in its log what it has skipped.
    """
    title = "the group has committed where it is"
    for broker, topic in topics_of_groups(seen):
        fresh = [each for each in topic.partitions if each.committed is None and each.end > each.begin]
        lines = _said(seen, broker, "before it are skipped", topic.topic)
        if not broker.initial_newest or not (fresh or lines):
            yield passed("group-offset", title, broker, topic)
            continue
        events = sum(each.end - each.begin for each in fresh)
        evidence = (
            f"group '{broker.group}' has committed nothing for partition "
            f"{', '.join(str(each.number) for each in fresh)}, where {events} events lie: with "
            "`initialOffset: newest` those from before its start are skipped",
        )
        evidence = (*(evidence if fresh else ()), *lines)
        fix = "Set `initialOffset: oldest` in the component"
        yield result("group-offset", title, broker, topic, Status.WARNING, evidence, fix)


def group_deleted(seen: Evidence) -> Iterator[CheckResult]:
    """Events that were deleted before the group had read them."""
    title = "nothing was deleted that it had not read"
    for broker, topic in topics_of_groups(seen):
        gone = [
            each for each in topic.partitions if each.committed is not None and each.committed < each.begin
        ]
        gone = gone if broker.type == "pubsub.kafka" else []
        lines = _said(seen, broker, "were deleted before", topic.topic)
        if not gone and not lines:
            yield passed("group-deleted", title, broker, topic)
            continue
        evidence = tuple(
            f"partition {each.number}: the group is at offset {each.committed}, and what lies before "
            f"{each.begin} is deleted: {each.begin - (each.committed or 0)} events"
            for each in gone
        )
        fix = "They are lost. Keep events for longer (`retention.ms`, `retention`), or read them sooner"
        yield result("group-deleted", title, broker, topic, Status.FAILED, (*evidence, *lines), fix)


# What they have in common


def topics_of_groups(seen: Evidence) -> Iterator[tuple[BrokerSeen, TopicStanding]]:
    """The topics that apps take, each with the broker that was reached for it."""
    for broker in seen.brokers:
        if broker.visible and not broker.failure:
            for topic in subscribed_topics(seen, broker):
                yield broker, topic


def as_before(broker: BrokerSeen, topic: TopicStanding) -> tuple[PartitionStanding, ...]:
    """The partitions of a topic at the first look."""
    return next((each.partitions for each in broker.before if each.topic == topic.topic), topic.partitions)


def _said(seen: Evidence, broker: BrokerSeen, words: str, topic: str) -> tuple[str, ...]:
    lines = [
        line.message
        for app in seen.apps
        if app.app_id == broker.app_id
        for line in app.log
        if line.level == "warn" and words in line.message and f"'{topic}'" in line.message
        and broker.group in line.message
    ]  # fmt: skip
    return tuple(lines[-LINES:])


def _command(broker: BrokerSeen, topic: TopicStanding) -> ManualCommand:
    return commands.group(broker.type, broker.address, broker.group, topic.topic)


def passed(code: str, title: str, broker: BrokerSeen, topic: TopicStanding) -> CheckResult:
    """That it is so of the topic."""
    return CheckResult(code, title, subject_of(broker, topic), Status.PASSED)


def result(
    code: str,
    title: str,
    broker: BrokerSeen,
    topic: TopicStanding,
    status: Status,
    evidence: tuple[str, ...],
    fix: str,
) -> CheckResult:
    """That it is not so, with the command that shows the group."""
    return CheckResult(code, title, subject_of(broker, topic), status, evidence, fix, _command(broker, topic))
