"""The broker: can it be reached from where the sidecar is, and what lies on its topics? Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from outboard.doctor import commands
from outboard.doctor.evidence import BrokerSeen, Evidence, SubscriptionSeen
from outboard.doctor.results import CheckResult, ManualCommand, Status
from outboard.sidecar.components.pubsub.standing import TopicStanding
from outboard.wire.deadletters import default_topic

__all__ = [
    "broker_reachable",
    "event_format",
    "subject_of",
    "subscribed_topics",
    "taken_topics",
    "topic_there",
]

LIKENESS: Final = 0.8


def broker_reachable(seen: Evidence) -> Iterator[CheckResult]:
    """It answers, and each broker that it names does."""
    title = "its broker can be reached from here"
    for broker in seen.brokers:
        subject = f"{broker.app_id}, {broker.component}"
        if not broker.visible:
            continue
        if not broker.failure:
            yield CheckResult("broker-reachable", title, subject, Status.PASSED)
            continue
        fix = (
            "Start it, or correct its address in the component. A Kafka that is reached, and then is not, "
            "advertises an address that does not lead to it: see `advertised.listeners`"
        )
        host, _, port = broker.address.split(",")[0].strip().rpartition(":")
        command = commands.same(f"nc -vz {host} {port}") if host and port.isdigit() else None
        if command is not None:
            command = ManualCommand(command.bash, f"Test-NetConnection {host} -Port {port}")
        yield CheckResult("broker-reachable", title, subject, Status.FAILED, (broker.failure,), fix, command)


def topic_there(seen: Evidence) -> Iterator[CheckResult]:
    """The topic exists, and is the one that events are published to."""
    title = "the topic has events, or nobody has published to one that is called alike"
    taken = taken_topics(seen)
    for broker in seen.brokers:
        for topic in subscribed_topics(seen, broker):
            near = [
                other
                for other in difflib.get_close_matches(topic.topic, broker.other_topics, 3, LIKENESS)
                if other not in taken
            ]
            if topic.events or not near:
                yield CheckResult("topic-there", title, subject_of(broker, topic), Status.PASSED)
                continue
            there = "has no events" if topic.exists else "is not on the broker"
            evidence = (
                f"'{topic.topic}' {there}, and '{near[0]}' has some, which nobody that is seen here takes",
            )
            fix = "If that one was meant: write the topic alike where it is published and where it is taken"
            yield CheckResult("topic-there", title, subject_of(broker, topic), Status.WARNING, evidence, fix)


def event_format(seen: Evidence) -> Iterator[CheckResult]:
    """What lies on a topic is what its subscription takes."""
    title = "what lies on the topic are CloudEvents, wrapped once"
    for broker in seen.brokers:
        raw = {each.topic for each in _wanted(seen, broker) if each.raw}
        for topic in subscribed_topics(seen, broker):
            waiting = [each.waiting for each in topic.partitions if each.waiting is not None]
            strange = [each for each in waiting if not each.is_event] if topic.topic not in raw else []
            latest = [topic.latest] if topic.latest else []
            wrapped = [each for each in (*waiting, *latest) if each.wraps]
            subject = subject_of(broker, topic)
            if strange:
                evidence = (f"the event at offset {strange[0].offset} is no CloudEvent",)
                fix = 'Publish without `rawPayload`, or subscribe with `rawPayload: "true"`: both sides alike'
                yield CheckResult("event-format", title, subject, Status.FAILED, evidence, fix)
            elif wrapped:
                evidence = (
                    f"the data of event {wrapped[0].id} is a CloudEvent itself: it was published with "
                    "another content type than application/cloudevents+json",
                )
                fix = "Publish a CloudEvent with the content type application/cloudevents+json"
                yield CheckResult("event-format", title, subject, Status.WARNING, evidence, fix)
            elif waiting or latest:
                yield CheckResult("event-format", title, subject, Status.PASSED)


def subject_of(broker: BrokerSeen, topic: TopicStanding) -> str:
    return f"{broker.app_id}, {topic.topic} of {broker.component}"


def taken_topics(seen: Evidence) -> set[str]:
    """Topics that somebody takes here, and their dead letter topics."""
    wanted = [each for app in seen.apps for each in app.wanted]
    return {
        name
        for each in wanted
        for name in (each.topic, each.dead_letter_topic, default_topic(each.topic))
        if name
    }


def _wanted(seen: Evidence, broker: BrokerSeen) -> list[SubscriptionSeen]:
    return [
        each
        for app in seen.apps
        if app.app_id == broker.app_id
        for each in app.wanted
        if each.pubsub == broker.component
    ]


def subscribed_topics(seen: Evidence, broker: BrokerSeen) -> list[TopicStanding]:
    topics = {each.topic for each in _wanted(seen, broker)}
    """The topics of a broker that the app takes events of."""
    return [topic for topic in broker.now if topic.topic in topics]
