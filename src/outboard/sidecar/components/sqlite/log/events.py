"""Topics and events in the tables: what a connection is told to write and to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pydantic_core import to_json

from outboard.sidecar.components.port import Message, StoredPlace

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "Appended",
    "LogEvent",
    "LogTopic",
    "ReadResult",
    "Row",
    "Wanted",
    "append",
    "newest",
    "open_topic",
    "read",
    "row_of",
]

Row: TypeAlias = "tuple[int, int, int, str | None, str, bytes]"
"""Topic, partition, time of publishing in ms, content type, metadata as JSON, data."""

COLUMNS: Final = "(topic, partition, published, content_type, metadata, data)"
LARGEST_INSERT: Final = 128
"""Rows in one statement. A statement gives up the interpreter's lock once, however many rows it has; row by
row, the thread would have to win it back from a busy event loop each time."""
BYTES_AT_ONCE: Final = 512 * 1024
"""How much of one partition is read in one step; one event at least."""
ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class LogTopic:
    """A topic of the file; the number of its partitions stays what it was when it was made."""

    id: int
    partitions: int


class LogEvent(NamedTuple):
    """One event of a partition, at its `offset` in the log."""

    offset: int
    message: Message


@dataclass(frozen=True, slots=True)
class Appended:
    """Events that were just written to `topic`, each with its partition; their offsets have no gap."""

    topic: LogTopic
    events: Sequence[tuple[int, LogEvent]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of a partition, at most `count` events behind offset `after`."""

    after: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a read found: which partitions got events up to offset `seen`, and the events by partition.

    Of the partitions `unread` there is more than was wanted.
    """

    seen: int
    news: frozenset[int]
    events: Mapping[int, Sequence[LogEvent]]
    unread: frozenset[int]


def open_topic(connection: sqlite3.Connection, name: str, partitions: int) -> LogTopic:
    """The topic `name`, made with so many partitions where it is new."""
    select = "SELECT id, partitions FROM topics WHERE name = ?"
    found = connection.execute(select, (name,)).fetchone()
    if found is None:
        connection.execute("INSERT INTO topics (name, partitions) VALUES (?, ?)", (name, partitions))
        found = connection.execute(select, (name,)).fetchone()
    return LogTopic(*found)


def row_of(topic: LogTopic, partition: int, message: Message, now: int) -> Row:
    """`message` as it is stored; `now` is in milliseconds since 1970."""
    metadata = dict(message.metadata)
    try:
        text = to_json(metadata).decode()
    except ValueError:  # half a surrogate pair, which only an escape can tell of
        text = ENCODE(metadata)
    return topic.id, partition, now, message.content_type, text, message.data


def append(connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Write `rows` in their order, in few statements: the offset of the first; those of the others follow it.

    To be called in a transaction. Without rows it is of no meaning.
    """
    start, size, last = 0, LARGEST_INSERT, 0
    while start < len(rows):
        while size > len(rows) - start:  # sizes are powers of two, so that few statements are prepared
            size //= 2
        values = list(chain.from_iterable(rows[start : start + size]))
        last = connection.execute(_insert(size), values).lastrowid or 0
        start += size
    return last - len(rows) + 1


@cache
def _insert(rows: int) -> str:
    """OR ROLLBACK: a transaction is undone as a whole anyway. To be able to take back this statement alone
    SQLite would copy each page before it changes it, into a temporary file where they are many.
    """
    places = ", ".join(["(?, ?, ?, ?, ?, ?)"] * rows)
    return f"INSERT OR ROLLBACK INTO events {COLUMNS} VALUES {places}"


def newest(connection: sqlite3.Connection) -> int:
    """The offset of the last event; 0 where there is none."""
    (offset,) = connection.execute("SELECT coalesce(max(offset), 0) FROM events").fetchone()
    return int(offset)


def read(
    connection: sqlite3.Connection,
    topic: LogTopic,
    seen: int,
    wanted: Mapping[int, Wanted],
    fresh: Iterable[int],
) -> ReadResult:
    """The events that are `wanted` of partitions which are `fresh` or got new events since offset `seen`."""
    last = max(seen, newest(connection))
    # The + keeps SQLite from walking the topic's whole index: what is new lies together, at the table's end.
    select = "SELECT DISTINCT partition FROM events WHERE offset > ? AND offset <= ? AND +topic = ?"
    news = frozenset(row[0] for row in connection.execute(select, (seen, last, topic.id)))
    numbers = [number for number in wanted if number in news or number in fresh]
    parts = {number: _events(connection, topic, number, wanted[number]) for number in numbers}
    unread = frozenset(number for number, (_, more) in parts.items() if more)
    return ReadResult(last, news, {number: events for number, (events, _) in parts.items()}, unread)


def _events(
    connection: sqlite3.Connection, topic: LogTopic, partition: int, wanted: Wanted
) -> tuple[list[LogEvent], bool]:
    """Events, and whether there may be more."""
    rows = connection.execute(
        "SELECT offset, content_type, metadata, data FROM events INDEXED BY events_by_partition "
        "WHERE topic = ? AND partition = ? AND offset > ? ORDER BY offset LIMIT ?",
        (topic.id, partition, wanted.after, wanted.count),
    )
    events: list[LogEvent] = []
    size = 0
    for offset, content_type, metadata, data in rows:
        place = StoredPlace(str(partition), str(offset))
        events.append(LogEvent(offset, Message(data, json.loads(metadata), content_type, None, place)))
        size += len(data)
        if size >= BYTES_AT_ONCE:
            return events, True
    return events, len(events) == wanted.count
