from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.port import Message, StoredPlace
from outboard.sidecar.components.pubsub.partitioned import partition_of
from outboard.sidecar.components.sqlite.log import events
from outboard.sidecar.components.sqlite.log.events import LogTopic, Wanted
from outboard.sidecar.components.sqlite.log.file import connect, prepare


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "events.db"
    prepare(path)
    with closing(connect(path, 1)) as connection:
        yield connection


def append(log: sqlite3.Connection, topic: LogTopic, *partitions: int, size: int = 1) -> None:
    events.append(
        log, [events.row_of(topic, number, Message(b"x" * size, {"a": "\ud800"}), 0) for number in partitions]
    )


def found(log: sqlite3.Connection, topic: LogTopic, seen: int, **wanted: int) -> dict[int, list[int]]:
    asked = {int(name[1:]): Wanted(after, 100) for name, after in wanted.items()}
    return {
        number: [event.offset for event in part]
        for number, part in events.read(log, topic, seen, asked, ()).events.items()
    }


@pytest.mark.parametrize("count", [0, 1, 2, 3, 127, 128, 129, 300])
def test_any_number_of_rows_is_written_in_order(log: sqlite3.Connection, count: int) -> None:
    topic = events.open_topic(log, "t", 1)

    events.append(log, [events.row_of(topic, 0, Message(str(n).encode()), n) for n in range(count)])

    rows = log.execute("SELECT data FROM events ORDER BY offset").fetchall()
    assert [int(data) for (data,) in rows] == list(range(count))


def test_only_partitions_with_news_are_read(log: sqlite3.Connection) -> None:
    topic, other = events.open_topic(log, "t", 4), events.open_topic(log, "other", 4)
    append(log, topic, 0, 1)
    append(log, other, 2)

    assert found(log, topic, 0, p0=0, p1=0, p2=0) == {0: [1], 1: [2]}
    assert found(log, topic, 1, p0=0, p1=0, p2=0) == {1: [2]}
    assert found(log, topic, 3, p0=0, p1=0, p2=0) == {}


def test_a_fresh_partition_is_read_without_news(log: sqlite3.Connection) -> None:
    topic = events.open_topic(log, "t", 2)
    append(log, topic, 0, 1, 0, 0)

    got = events.read(log, topic, 4, {0: Wanted(1, 1), 1: Wanted(0, 9)}, [0])

    assert [event.offset for event in got.events[0]] == [3]
    assert (got.unread, got.seen, list(got.events)) == (frozenset({0}), 4, [0])


def test_a_read_is_bounded_in_bytes_but_gives_one_event_at_least(log: sqlite3.Connection) -> None:
    topic = events.open_topic(log, "t", 1)
    append(log, topic, 0, 0, 0, size=events.BYTES_AT_ONCE)

    got = events.read(log, topic, 0, {0: Wanted(0, 100)}, ())

    assert len(got.events[0]) == 1
    assert got.unread == {0}


def test_metadata_may_be_any_text(log: sqlite3.Connection) -> None:
    topic = events.open_topic(log, "t", 1)
    append(log, topic, 0)

    (event,) = events.read(log, topic, 0, {0: Wanted(0, 1)}, ()).events[0]

    assert event.message == Message(b"x", {"a": "\ud800"}, place=StoredPlace("0", "1"))


def test_a_topic_keeps_its_partitions(log: sqlite3.Connection) -> None:
    made = events.open_topic(log, "t", 4)

    assert events.open_topic(log, "t", 9) == made == LogTopic(made.id, 4)


def test_a_key_has_its_partition_for_ever() -> None:
    assert [partition_of(key, 16) for key in ("key-1", "key-2", "\u00e9", "\ud800")] == [10, 0, 14, 8]
