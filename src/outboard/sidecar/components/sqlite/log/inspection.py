"""A log looked into from outside: read only, beside whoever works with it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from outboard.host.processes import ProcessIdentity, has_ended, process_identity
from outboard.sidecar.components.context import ComponentContext
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
from outboard.sidecar.components.sqlite.log.file import translated
from outboard.sidecar.components.sqlite.log.position import SETTLED
from outboard.sidecar.components.sqlite.log.settings import read_settings

__all__ = ["inspect"]

TIMEOUT: Final = 1.0
MOST_TOPICS: Final = 100
EVENT: Final = "SELECT e.offset, e.data, e.published FROM events AS e"


async def inspect(properties: Properties, context: ComponentContext, topics: Sequence[str]) -> BrokerStanding:
    """How `topics` stand in the component's group. Raises ComponentError, ComponentInitFailed."""
    settings = read_settings(properties)
    path = (context.directory / settings.path).resolve()
    standing = await asyncio.to_thread(_inspect, path, settings.group, topics)
    return replace(standing, initial_newest=settings.initial_offset == "newest")


def _inspect(path: Path, group: str, topics: Sequence[str]) -> BrokerStanding:
    if not path.is_file():
        raise ComponentError(f"there is no file {path}")
    with (
        translated(f"cannot read {path}"),
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=TIMEOUT)) as connection,
    ):
        connection.execute("BEGIN")  # one moment for all of it
        return BrokerStanding(
            group,
            str(path),
            tuple(_topic(connection, group, topic) for topic in topics),
            _others(connection, topics),
        )


def _topic(connection: sqlite3.Connection, group: str, name: str) -> TopicStanding:
    found = connection.execute("SELECT id, partitions FROM topics WHERE name = ?", (name,)).fetchone()
    if found is None:
        return TopicStanding(name, exists=False)
    topic, partitions = found
    members = _members(connection, group, topic, name)
    alive = {member.id for member in members}
    (events,) = connection.execute("SELECT count(*) FROM events WHERE topic = ?", (topic,)).fetchone()
    latest = connection.execute(
        f"{EVENT} WHERE e.topic = ? ORDER BY e.offset DESC LIMIT 1", (topic,)
    ).fetchone()
    return TopicStanding(
        name,
        partitions=tuple(_partition(connection, group, topic, number, alive) for number in range(partitions)),
        members=tuple(members),
        events=events,
        last_reason=reason_of(latest[1]) if latest else "",
        latest=_waiting(latest) if latest else None,
    )


def _partition(
    connection: sqlite3.Connection, group: str, topic: int, number: int, alive: set[str]
) -> PartitionStanding:
    where = (topic, number)
    begin, end = connection.execute(
        "SELECT coalesce(min(offset), 0), coalesce(max(offset) + 1, 0) FROM events "
        "WHERE topic = ? AND partition = ?",
        where,
    ).fetchone()
    place = connection.execute(
        "SELECT committed, owner, attempts, reason FROM positions "
        "WHERE consumer_group = ? AND topic = ? AND partition = ?",
        (group, *where),
    ).fetchone()
    if place is None:
        return PartitionStanding(number, begin, end)
    committed, owner, attempts, reason = place
    unsettled = (
        "FROM events AS e JOIN positions AS p ON p.topic = e.topic AND p.partition = e.partition "
        f"WHERE p.consumer_group = ? AND e.topic = ? AND e.partition = ? AND NOT {SETTLED}"
    )
    (lag,) = connection.execute(f"SELECT count(*) {unsettled}", (group, *where)).fetchone()
    waiting = connection.execute(
        f"SELECT e.offset, e.data, e.published {unsettled} ORDER BY e.offset LIMIT 1", (group, *where)
    ).fetchone()
    return PartitionStanding(
        number,
        begin,
        end,
        committed + 1,
        str(owner) if str(owner) in alive else "",
        lag,
        _waiting(waiting) if waiting else None,
        attempts,
        reason,
    )


def _waiting(row: tuple[int, bytes, int]) -> WaitingEvent:
    offset, data, published = row
    return waiting_event(offset, data, datetime.fromtimestamp(published / 1000, UTC))


def _members(connection: sqlite3.Connection, group: str, topic: int, name: str) -> list[GroupMember]:
    """Those whose processes have not ended."""
    here = process_identity()
    rows = connection.execute(
        "SELECT id, host, process, process_started FROM members WHERE consumer_group = ? AND topic = ?",
        (group, topic),
    )
    return [
        GroupMember(str(id), f"process {process}", "", (name,))
        for id, host, process, started in rows
        if not has_ended(ProcessIdentity(host, process, started), here)
    ]


def _others(connection: sqlite3.Connection, topics: Sequence[str]) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT name FROM topics WHERE EXISTS (SELECT 1 FROM events WHERE events.topic = topics.id) "
        "ORDER BY name"
    ).fetchall()
    return tuple(name for (name,) in rows if name not in topics)[:MOST_TOPICS]
