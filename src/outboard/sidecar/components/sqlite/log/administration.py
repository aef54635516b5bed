"""What a person may ask of a log, and change in it, while others work with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.host.processes import ProcessIdentity
from outboard.sidecar.components.port import Message
from outboard.sidecar.components.pubsub.partitioned import partition_of
from outboard.sidecar.components.sqlite.log import events, positions
from outboard.sidecar.components.sqlite.log.events import LogEvent, LogTopic
from outboard.sidecar.components.sqlite.log.position import SETTLED, Hold
from outboard.wire.dapr import PARTITION_KEY

__all__ = [
    "GroupSummary",
    "HeldEvent",
    "TopicSummary",
    "held",
    "is_behind",
    "owner",
    "pass_over",
    "put",
    "summaries",
]


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A group that consumes a topic: its members, events not settled, and partitions that are held."""

    name: str
    unsettled: int
    members: int
    held: int


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """A topic: `events` are those that are kept."""

    name: str
    partitions: int
    events: int
    groups: Sequence[GroupSummary]


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that holds its partition for `group`. `published` is in milliseconds since 1970.

    `waiting` are the events behind it that are not settled either, `settled` those that are. `owner` is the
    process that has the partition, alive or not; None where nobody has.
    """

    topic: str
    group: str
    partition: int
    event: LogEvent
    published: int
    hold: Hold
    waiting: int
    settled: int
    owner: ProcessIdentity | None


TOPICS: Final = (
    "SELECT t.id, t.name, t.partitions, count(e.offset) FROM topics AS t "
    "LEFT JOIN events AS e ON e.topic = t.id GROUP BY t.id ORDER BY t.name"
)
GROUPS: Final = (
    "SELECT p.consumer_group, count(e.offset), "
    "(SELECT count(*) FROM members AS m WHERE m.consumer_group = p.consumer_group AND m.topic = p.topic) "
    "FROM positions AS p LEFT JOIN events AS e ON e.topic = p.topic AND e.partition = p.partition "
    f"AND e.offset > p.committed AND NOT {SETTLED} "
    "WHERE p.topic = ? GROUP BY p.consumer_group ORDER BY p.consumer_group"
)
BEHIND: Final = (
    f"SELECT count(*), total({SETTLED}) FROM events AS e "
    "JOIN positions AS p ON p.topic = e.topic AND p.partition = e.partition "
    "WHERE p.consumer_group = ? AND e.topic = ? AND e.partition = ? AND e.offset > ?"
)


def summaries(connection: sqlite3.Connection) -> list[TopicSummary]:
    """All topics, by name."""
    holding = [(each.topic, each.group) for each in held(connection)]
    return [
        TopicSummary(
            name,
            partitions,
            count,
            [
                GroupSummary(group, unsettled, members, holding.count((name, group)))
                for group, unsettled, members in connection.execute(GROUPS, (id,))
            ],
        )
        for id, name, partitions, count in connection.execute(TOPICS).fetchall()
    ]


def held(connection: sqlite3.Connection) -> list[HeldEvent]:
    """What holds partitions, by topic, group and partition."""
    rows = connection.execute(
        "SELECT t.name, t.id, t.partitions, p.consumer_group, p.partition FROM positions AS p "
        "JOIN topics AS t ON t.id = p.topic WHERE p.unsettled != '' "
        "ORDER BY t.name, p.consumer_group, p.partition"
    )
    found = (
        _held(connection, name, LogTopic(id, partitions), group, partition)
        for name, id, partitions, group, partition in rows.fetchall()
    )
    return [each for each in found if each is not None]


def _held(
    connection: sqlite3.Connection, name: str, topic: LogTopic, group: str, partition: int
) -> HeldEvent | None:
    position = positions.read(connection, group, topic, partition)
    if position.hold is None:
        return None
    offset = position.unsettled[0]
    stored = connection.execute(
        "SELECT published, content_type, metadata, data FROM events WHERE offset = ?", (offset,)
    ).fetchone()
    if stored is None:  # it has grown too old
        return None
    published, content_type, metadata, data = stored
    event = LogEvent(offset, Message(data, json.loads(metadata), content_type))
    behind, settled = connection.execute(BEHIND, (group, topic.id, partition, offset)).fetchone()
    has_it = owner(connection, name, group, partition)
    return HeldEvent(
        name, group, partition, event, published, position.hold, behind - int(settled), int(settled), has_it
    )


def owner(connection: sqlite3.Connection, topic: str, group: str, partition: int) -> ProcessIdentity | None:
    """The process that has the partition, alive or not."""
    found = connection.execute(
        "SELECT m.host, m.process, m.process_started FROM positions AS p JOIN members AS m ON m.id = p.owner "
        "JOIN topics AS t ON t.id = p.topic "
        "WHERE t.name = ? AND p.consumer_group = ? AND p.partition = ?",
        (topic, group, partition),
    ).fetchone()
    return None if found is None else ProcessIdentity(*found)


def pass_over(connection: sqlite3.Connection, event: HeldEvent) -> None:
    """Have whoever has the partition go on behind `event`, which holds it in this transaction."""
    connection.execute(
        "UPDATE positions SET skip = ? WHERE consumer_group = ? AND partition = ? "
        "AND topic = (SELECT id FROM topics WHERE name = ?)",
        (event.event.offset, event.group, event.partition, event.topic),
    )


def put(connection: sqlite3.Connection, name: str, message: Message, now: int, partitions: int) -> int:
    """Append one event to the topic `name`, made with so many partitions where it is new: its offset."""
    topic, key = events.open_topic(connection, name, partitions), message.metadata.get(PARTITION_KEY)
    partition = partition_of(key, topic.partitions) if key else events.newest(connection) % topic.partitions
    return events.append(connection, [events.row_of(topic, partition, message, now)])


def is_behind(connection: sqlite3.Connection, event: HeldEvent) -> bool:
    """Whether whoever has the partition of `event` has said itself that it goes on behind it."""
    found = connection.execute(
        "SELECT p.committed FROM positions AS p JOIN topics AS t ON t.id = p.topic "
        "WHERE t.name = ? AND p.consumer_group = ? AND p.partition = ?",
        (event.topic, event.group, event.partition),
    ).fetchone()
    return found is None or found[0] >= event.event.offset
