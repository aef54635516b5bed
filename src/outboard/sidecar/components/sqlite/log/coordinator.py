"""What a group's coordinator does with Kafka, in the tables: members join, beat, get partitions, and leave.

`membership` is the same from a member's side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from outboard.host.processes import ProcessIdentity
from outboard.sidecar.components.sqlite.log import positions
from outboard.sidecar.components.sqlite.log.assignment import plan
from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.liveness import Member, Observer
from outboard.sidecar.components.sqlite.log.position import Position
from outboard.sidecar.components.sqlite.log.settings import InitialOffset

__all__ = ["Assignment", "Subscriber", "join", "leave", "ports", "tend"]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who consumes `topic` for `group`: in which process, reached at which port (0: nowhere)."""

    group: str
    topic: LogTopic
    identity: ProcessIdentity
    port: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """A member's part: partitions it `held`, those to `leave`, and those `claimed` with their positions.

    `skips` has the offset of an event that a person wants to be passed over, by partition.
    """

    claimed: Mapping[int, Position]
    leave: frozenset[int]
    held: frozenset[int]
    skips: Mapping[int, int]


def join(connection: sqlite3.Connection, subscriber: Subscriber, initial: InitialOffset) -> int:
    """Become a member: its id."""
    positions.begin(connection, subscriber.group, subscriber.topic, initial)
    identity = subscriber.identity
    added = connection.execute(
        "INSERT INTO members (consumer_group, topic, port, host, process, process_started) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            subscriber.group,
            subscriber.topic.id,
            subscriber.port,
            identity.host,
            identity.process,
            identity.started,
        ),
    )
    assert added.lastrowid is not None
    return added.lastrowid


def tend(
    connection: sqlite3.Connection, subscriber: Subscriber, member: int, observer: Observer, now: int
) -> Assignment | None:
    """Beat, remove the dead, claim what is free and one's own. None: `member` was itself taken for dead.

    `now` is in milliseconds since 1970.
    """
    beaten = connection.execute("UPDATE members SET beats = beats + 1 WHERE id = ?", (member,))
    if not beaten.rowcount:
        return None
    group, topic = subscriber.group, subscriber.topic
    positions.seen(connection, group, topic, now)
    others = [each for each in _members(connection, group, topic) if each.id != member]
    dead = observer.dead(others)
    connection.executemany("DELETE FROM members WHERE id = ?", [(id,) for id in dead])
    alive = {member, *(each.id for each in others)} - dead
    owners = positions.owners(connection, group, topic)
    planned = plan(member, alive, owners)
    claimed = positions.claim(connection, group, topic, member, sorted(planned.claim))
    held = frozenset(partition for partition, owner in owners.items() if owner == member)
    return Assignment(claimed, planned.leave, held, positions.skips(connection, group, topic))


def leave(connection: sqlite3.Connection, subscriber: Subscriber, member: int) -> None:
    """Give up all partitions and the membership."""
    connection.execute(
        "UPDATE positions SET owner = NULL WHERE consumer_group = ? AND topic = ? AND owner = ?",
        (subscriber.group, subscriber.topic.id, member),
    )
    connection.execute("DELETE FROM members WHERE id = ?", (member,))


def ports(connection: sqlite3.Connection) -> list[int]:
    """Where members hear of news."""
    return [row[0] for row in connection.execute("SELECT DISTINCT port FROM members WHERE port > 0")]


def _members(connection: sqlite3.Connection, group: str, topic: LogTopic) -> list[Member]:
    rows = connection.execute(
        "SELECT id, beats, host, process, process_started FROM members "
        "WHERE consumer_group = ? AND topic = ?",
        (group, topic.id),
    )
    return [Member(id, beats, ProcessIdentity(*home)) for id, beats, *home in rows]
