"""How far each group has come, and who of its members may go on with a partition."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.position import (
    Hold,
    Position,
    offsets_as_text,
    offsets_from_text,
)
from outboard.sidecar.components.sqlite.log.settings import InitialOffset

__all__ = [
    "Claim",
    "begin",
    "claim",
    "commit",
    "forget",
    "owners",
    "read",
    "release",
    "remove",
    "seen",
    "skips",
]


class Claim(NamedTuple):
    """The partition that a member holds. Its id is never given again, so that it fences off all others."""

    group: str
    topic: int
    partition: int
    member: int


LARGEST_UPDATE: Final = 256
"""Partitions in one statement, which gives up the interpreter's lock once, however many they are."""
OWNED: Final = "consumer_group = ? AND topic = ? AND partition = ? AND owner = ?"


def begin(connection: sqlite3.Connection, group: str, topic: LogTopic, initial: InitialOffset) -> None:
    """Give `group` a place in each partition that it does not know yet."""
    start = 0
    if initial == "newest":
        found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        start = found[0] if found else 0
    connection.executemany(
        "INSERT OR IGNORE INTO positions (consumer_group, topic, partition, committed) VALUES (?, ?, ?, ?)",
        [(group, topic.id, partition, start) for partition in range(topic.partitions)],
    )


def seen(connection: sqlite3.Connection, group: str, topic: LogTopic, now: int) -> None:
    """Note that `group` is there at `now`, in milliseconds since 1970."""
    connection.execute(
        "INSERT INTO groups (name, topic, seen) VALUES (?, ?, ?) "
        "ON CONFLICT (name, topic) DO UPDATE SET seen = excluded.seen",
        (group, topic.id, now),
    )


def remove(connection: sqlite3.Connection, group: str, topic: LogTopic) -> None:
    """Forget `group` on `topic`, with all of its members."""
    for table, column in (("positions", "consumer_group"), ("members", "consumer_group"), ("groups", "name")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ? AND topic = ?", (group, topic.id))


def forget(connection: sqlite3.Connection, before: int) -> None:
    """Forget the groups that were last there `before` that time, as Kafka does."""
    gone = connection.execute("SELECT name, topic FROM groups WHERE seen < ?", (before,)).fetchall()
    connection.executemany("DELETE FROM positions WHERE consumer_group = ? AND topic = ?", gone)
    connection.executemany("DELETE FROM groups WHERE name = ? AND topic = ?", gone)


def owners(connection: sqlite3.Connection, group: str, topic: LogTopic) -> dict[int, int | None]:
    """The member that holds each partition, alive or not."""
    select = "SELECT partition, owner FROM positions WHERE consumer_group = ? AND topic = ?"
    return dict(connection.execute(select, (group, topic.id)).fetchall())


def skips(connection: sqlite3.Connection, group: str, topic: LogTopic) -> dict[int, int]:
    """By partition, the offset of the last event that a person wanted to be passed over."""
    select = (
        "SELECT partition, skip FROM positions WHERE consumer_group = ? AND topic = ? AND skip IS NOT NULL"
    )
    return dict(connection.execute(select, (group, topic.id)).fetchall())


def claim(
    connection: sqlite3.Connection, group: str, topic: LogTopic, member: int, partitions: Iterable[int]
) -> dict[int, Position]:
    """Make `member` the owner of `partitions`: how far each is handled."""
    claimed: dict[int, Position] = {}
    for partition in partitions:
        connection.execute(
            "UPDATE positions SET owner = ? WHERE consumer_group = ? AND topic = ? AND partition = ?",
            (member, group, topic.id, partition),
        )
        claimed[partition] = read(connection, group, topic, partition)
    return claimed


def read(connection: sqlite3.Connection, group: str, topic: LogTopic, partition: int) -> Position:
    """How far `group` has come in a partition that it knows."""
    committed, text, reached, attempts, since, reason, skip = connection.execute(
        "SELECT committed, unsettled, reached, attempts, failing_since, reason, skip FROM positions "
        "WHERE consumer_group = ? AND topic = ? AND partition = ?",
        (group, topic.id, partition),
    ).fetchone()
    # An earlier version, that still runs, moves `committed` alone.
    unsettled = tuple(offset for offset in offsets_from_text(text) if offset > committed)
    if unsettled:
        hold = Hold(attempts, since, reason) if since else None
        position = Position(committed, unsettled, reached, hold)
    else:
        position = Position(max(committed, reached) if text else committed)
    return position.passed(skip or 0)


def commit(connection: sqlite3.Connection, moves: Mapping[Claim, Position]) -> list[Claim]:
    """Move on to these positions, never back. The claims that no longer hold: theirs are not moved."""
    refused: list[Claim] = []
    by_member: dict[tuple[str, int, int], list[Claim]] = {}
    for claim, position in moves.items():
        if position.is_plain:
            by_member.setdefault((claim.group, claim.topic, claim.member), []).append(claim)
        elif not _remember(connection, claim, position):
            refused.append(claim)
    for claims in by_member.values():
        for start in range(0, len(claims), LARGEST_UPDATE):
            refused += _move(connection, claims[start : start + LARGEST_UPDATE], moves)
    return refused


def _remember(connection: sqlite3.Connection, claim: Claim, position: Position) -> bool:
    """Move on with what is settled behind an event that is not. Whether `claim` holds."""
    hold = position.hold or Hold(0, 0, "")
    moved = connection.execute(
        "UPDATE OR ROLLBACK positions SET committed = max(committed, ?), unsettled = ?, reached = ?, "
        f"attempts = ?, failing_since = ?, reason = ? WHERE {OWNED}",
        (position.committed, offsets_as_text(position.unsettled), position.reached, *hold,
         claim.group, claim.topic, claim.partition, claim.member),
    )  # fmt: skip
    return moved.rowcount == 1


def _move(
    connection: sqlite3.Connection, claims: Sequence[Claim], positions: Mapping[Claim, Position]
) -> list[Claim]:
    """Move on, in one statement, with `claims` of one member: those of them that no longer hold."""
    group, topic, _, member = claims[0]
    moves = [value for claim in claims for value in (claim.partition, positions[claim].committed)]
    partitions = [claim.partition for claim in claims]
    moved = connection.execute(_update(len(claims)), (*moves, group, topic, member, *partitions))
    if moved.rowcount == len(claims):
        return []
    select = "SELECT partition FROM positions WHERE consumer_group = ? AND topic = ? AND owner = ?"
    held = {row[0] for row in connection.execute(select, (group, topic, member))}
    return [claim for claim in claims if claim.partition not in held]


@cache
def _update(partitions: int) -> str:
    """OR ROLLBACK: as for the events, there is no use in taking back this statement alone."""
    moves, places = " ".join(["WHEN ? THEN ?"] * partitions), ", ".join(["?"] * partitions)
    return (
        f"UPDATE OR ROLLBACK positions SET committed = max(committed, CASE partition {moves} END), "
        "unsettled = '', attempts = 0 "
        f"WHERE consumer_group = ? AND topic = ? AND owner = ? AND partition IN ({places})"
    )


def release(connection: sqlite3.Connection, claims: Sequence[Claim]) -> None:
    """Let go of what is still held of `claims`."""
    connection.executemany(f"UPDATE positions SET owner = NULL WHERE {OWNED}", claims)
