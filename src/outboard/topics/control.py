"""What `outboard topics` does with a log, also while others work with it: looked at, and passed over."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from outboard.errors import CommandError, LogUnavailable, NotHeld
from outboard.host.processes import ProcessIdentity, has_ended, process_identity
from outboard.kit.subscriptions.dead_letter import dead_letter, read_envelope
from outboard.resources.node import near
from outboard.sidecar.components.port import ComponentError, Message
from outboard.sidecar.components.sqlite.log import administration, coordinator, wakeup
from outboard.sidecar.components.sqlite.log.administration import HeldEvent, TopicSummary
from outboard.sidecar.components.sqlite.log.file import connect, immediately, recognize, translated
from outboard.sidecar.components.sqlite.log.schema import SCHEMA_VERSION
from outboard.topics.finding import FoundLogs, KafkaComponent, LogFile
from outboard.wire.cloudevents import STRUCTURED_CONTENT_TYPE
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.deadletters import origin

__all__ = [
    "DeadLetterTo",
    "MeantEvent",
    "Outcome",
    "choose",
    "held_in",
    "kafka_advice",
    "look",
    "pass_over",
    "summaries_of",
]

BUSY_TIMEOUT: Final = 5.0
LOOKED_AGAIN: Final = 0.05
KEYS: Final = (PARTITION_KEY, "__key")
"""Metadata that a dead letter keeps: it stays in the order of its key."""
NOTICED_WITHIN: Final = 10.0
"""Seconds: an owner looks with each heartbeat at the latest, which is every 3 s unless it is set."""


@dataclass(frozen=True, slots=True)
class MeantEvent:
    """The event that a person has seen to hold a partition."""

    topic: str
    group: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class DeadLetterTo:
    """Where the event goes, and why; with no `reason` that of its last failure."""

    topic: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done with `event`. `letter` is the offset of its dead letter, if there is one.

    `noticed` is false where the process that has the partition did not look in time; it will.
    """

    event: HeldEvent
    owner: ProcessIdentity | None
    noticed: bool
    letter: int | None = None


def summaries_of(log: LogFile) -> list[TopicSummary]:
    """The topics of `log`. Raises LogUnavailable."""
    with _opened(log) as connection:
        return administration.summaries(connection)


def held_in(log: LogFile) -> list[HeldEvent]:
    """What holds partitions in `log`. Raises LogUnavailable."""
    with _opened(log) as connection:
        return administration.held(connection)


def choose(found: FoundLogs, topic: str) -> LogFile:
    """The log that has `topic`. Raises CommandError where that is not one, and LogUnavailable."""
    names: dict[str, list[LogFile]] = {}
    for log in found.logs:
        if log.path.is_file():
            for summary in summaries_of(log):
                names.setdefault(summary.name, []).append(log)
    if topic not in names:
        advice = near(topic, names) or f"There are: {', '.join(names) or 'none'}."
        kafka = " ".join(map(kafka_advice, found.kafka))
        problem = f"no log of pubsub.sqlite has the topic '{topic}' (looked in {found.places})"
        raise CommandError(problem, f"{advice} {kafka}".strip())
    if len(names[topic]) > 1:
        files = " or ".join(str(log.path) for log in names[topic])
        raise CommandError(f"several logs have the topic '{topic}'", f"Name one: --file {files}.")
    return names[topic][0]


def kafka_advice(component: KafkaComponent) -> str:
    """What does the same for topics in Kafka."""
    return (
        f"The topics of '{component.name}' are in Kafka, which keeps one offset for each partition: stop the "
        "services of the group, wait until they have ended, and move it on with `kafka-consumer-groups "
        "--bootstrap-server "
        f"{component.brokers or 'HOST:PORT'} --group GROUP --topic TOPIC:PARTITION --reset-offsets "
        "--to-offset OFFSET+1 --execute`."
    )


def look(log: LogFile, meant: MeantEvent) -> HeldEvent:
    """The event that `meant` means. Raises NotHeld where it does not hold the partition, LogUnavailable."""
    with _opened(log) as connection:
        return _wanted(connection, meant)


def pass_over(
    log: LogFile,
    meant: MeantEvent,
    letter: DeadLetterTo | None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Have the group go on behind the event, and put its dead letter where `letter` says, both or neither.

    Whoever has the partition is told, and waited for a while. Raises NotHeld, LogUnavailable.
    """
    caller = wakeup.Caller()
    with closing(caller), _opened(log) as connection:
        connection.execute("PRAGMA busy_timeout = 0")  # `immediately` waits, in shorter pauses
        with immediately(connection, BUSY_TIMEOUT):
            event = _wanted(connection, meant)
            offset = None if letter is None else _put_letter(connection, log, event, letter, now())
            administration.pass_over(connection, event)
            ports = coordinator.ports(connection)
        caller.call(ports, wakeup.MEMBERS)
        if letter is not None:
            caller.call(ports, wakeup.NEWS)
        noticed, owner = _noticed(connection, event, sleep)
    return Outcome(event, owner, noticed, offset)


def _noticed(
    connection: sqlite3.Connection, event: HeldEvent, sleep: Callable[[float], None]
) -> tuple[bool, ProcessIdentity | None]:
    """Whether nobody has the partition, or its owner has gone on; and who that is."""
    here, owner = process_identity(), event.owner
    for _ in range(int(NOTICED_WITHIN / LOOKED_AGAIN)):
        owner = administration.owner(connection, event.topic, event.group, event.partition)
        if owner is None or has_ended(owner, here):
            return True, None
        if administration.is_behind(connection, event):
            return True, owner
        sleep(LOOKED_AGAIN)
    return False, owner


def _wanted(connection: sqlite3.Connection, meant: MeantEvent) -> HeldEvent:
    there = administration.held(connection)
    same = [
        each
        for each in there
        if (each.topic, each.group, each.partition) == (meant.topic, meant.group, meant.partition)
    ]
    if same and same[0].event.offset == meant.offset:
        return same[0]
    raise NotHeld(meant.topic, meant.group, meant.partition, meant.offset, _found(connection, same, meant))


def _found(connection: sqlite3.Connection, same: Sequence[HeldEvent], meant: MeantEvent) -> str:
    """What there is in its place."""
    if same:
        return f"offset {same[0].event.offset} does"
    groups = {
        group.name: None
        for topic in administration.summaries(connection)
        if topic.name == meant.topic
        for group in topic.groups
    }
    if meant.group not in groups:
        return f"no such group consumes it, but {', '.join(groups) or 'none'}"
    return "nothing does"


def _put_letter(
    connection: sqlite3.Connection, log: LogFile, held: HeldEvent, letter: DeadLetterTo, now: datetime
) -> int:
    """As the kit makes it: the event itself, with the reason and where it comes from."""
    message, attempts = held.event.message, held.hold.attempts
    headers = {"content-type": message.content_type or ""}
    body = dead_letter(
        read_envelope(message.data, headers),
        reason=letter.reason or held.hold.reason,
        origin=origin(held.group, log.pubsub, held.topic, ""),
        attempts=attempts,
        now=now,
    )
    keys = {name: message.metadata[name] for name in KEYS if name in message.metadata}
    moved = Message(body, keys, STRUCTURED_CONTENT_TYPE)
    (partitions,) = (
        each.partitions for each in administration.summaries(connection) if each.name == held.topic
    )
    return administration.put(connection, letter.topic, moved, int(now.timestamp() * 1000), partitions)


@contextmanager
def _opened(log: LogFile) -> Iterator[sqlite3.Connection]:
    """Raises LogUnavailable, also for what goes wrong in the block."""
    try:
        _refuse_older(recognize(log.path))
        with translated("it cannot be used"), closing(connect(log.path, BUSY_TIMEOUT)) as connection:
            yield connection
    except ComponentError as error:
        raise LogUnavailable(str(log.path), str(error).removeprefix(f"{log.path} ")) from error


def _refuse_older(version: int) -> None:
    if version != SCHEMA_VERSION:
        reason = f"it is of version {version}, and what holds a partition is known from version 2 on"
        raise ComponentError(f"{reason}. A sidecar of this Outboard brings it up to date when it starts")
