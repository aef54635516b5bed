from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.port import Message
from outboard.sidecar.components.sqlite.log import events, positions
from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.file import connect, immediately, prepare
from outboard.sidecar.components.sqlite.log.loss_warnings import LossWarnings
from outboard.sidecar.components.sqlite.log.retention import LostEvents, RetentionLimits, sweep

KIB = 1024


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "events.db"
    prepare(path)
    with closing(connect(path, 1)) as connection:
        yield connection


def filled(log: sqlite3.Connection, count: int, at: int = 0, size: int = 10) -> LogTopic:
    with immediately(log, 1):
        topic = events.open_topic(log, "t", 2)
        rows = [events.row_of(topic, n % 2, Message(b"x" * size), at + n) for n in range(count)]
        events.append(log, rows)
    return topic


def kept(log: sqlite3.Connection) -> list[int]:
    return [row[0] for row in log.execute("SELECT offset FROM events ORDER BY offset")]


def test_within_the_limits_nothing_is_deleted(log: sqlite3.Connection) -> None:
    filled(log, 10)

    assert sweep(log, RetentionLimits(age=0, size=0), 10**9).events == 0
    assert sweep(log, RetentionLimits(age=100, size=10**6), 100).events == 0
    assert len(kept(log)) == 10


def test_what_is_too_old_is_deleted(log: sqlite3.Connection) -> None:
    filled(log, 10, at=1000)

    swept = sweep(log, RetentionLimits(age=100, size=0), 1104)

    assert (swept.events, swept.more, kept(log)) == (4, False, [5, 6, 7, 8, 9, 10])


def test_it_is_deleted_in_steps(log: sqlite3.Connection) -> None:
    filled(log, 1_100)

    steps = [sweep(log, RetentionLimits(age=1, size=0), 10**6) for _ in range(3)]

    assert [(step.events, step.more) for step in steps] == [(500, True), (500, True), (100, False)]


def test_the_oldest_are_deleted_until_the_file_is_small_enough_and_it_does_not_grow(
    log: sqlite3.Connection, tmp_path: Path
) -> None:
    limit, sizes = 400 * KIB, []
    for _ in range(12):
        filled(log, 400, size=500)
        while sweep(log, RetentionLimits(age=0, size=limit), 0).more:
            pass
        log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append((tmp_path / "events.db").stat().st_size)

    assert kept(log)[-1] == 4_800
    assert 400 < len(kept(log)) < 800
    assert max(sizes) < 2 * limit


def test_of_large_events_no_more_are_deleted_than_is_needed(log: sqlite3.Connection) -> None:
    filled(log, 10, size=100_000)

    while sweep(log, RetentionLimits(age=0, size=500_000), 0).more:
        pass

    assert 4 <= len(kept(log)) <= 5


def test_offsets_are_not_used_again(log: sqlite3.Connection) -> None:
    filled(log, 5)
    sweep(log, RetentionLimits(age=1, size=0), 10**6)
    assert kept(log) == []

    filled(log, 1)

    assert kept(log) == [6]


def test_what_a_group_had_not_consumed_is_told(log: sqlite3.Connection) -> None:
    topic = filled(log, 10)
    for group, committed in (("done", 10), ("half", 4), ("new", 0)):
        positions.begin(log, group, topic, "oldest")
        log.execute("UPDATE positions SET committed = ? WHERE consumer_group = ?", (committed, group))

    swept = sweep(log, RetentionLimits(age=1, size=0), 10**6)

    assert sorted(swept.lost) == [LostEvents("half", "t", 6), LostEvents("new", "t", 10)]


def test_what_was_settled_behind_a_held_event_or_skipped_is_no_loss(log: sqlite3.Connection) -> None:
    positions.begin(log, "app", filled(log, 10), "oldest")
    log.execute("UPDATE positions SET unsettled = '1,7', reached = 9 WHERE partition = 0")  # of 1, 3, 5, 7, 9
    log.execute("UPDATE positions SET skip = 4 WHERE partition = 1")  # of 2, 4, 6, 8, 10

    swept = sweep(log, RetentionLimits(age=1, size=0), 10**6)

    assert swept.lost == [LostEvents("app", "t", 2 + 3)]


def test_a_group_that_was_not_there_for_a_week_is_forgotten(log: sqlite3.Connection) -> None:
    topic, week = filled(log, 10), 7 * 24 * 3600 * 1000
    for group, seen in (("gone", 0), ("here", week)):
        positions.begin(log, group, topic, "oldest")
        positions.seen(log, group, topic, 0)
        positions.seen(log, group, topic, seen)

    swept = sweep(log, RetentionLimits(age=1, size=0), week + 1)

    assert swept.lost == [LostEvents("here", "t", 10)]
    assert positions.owners(log, "gone", topic) == {}
    assert positions.owners(log, "here", topic) == {0: None, 1: None}


def test_losses_are_told_at_once_and_then_once_a_minute() -> None:
    told: list[tuple[object, ...]] = []
    now = 100.0
    losses = LossWarnings(lambda *text: told.append(text[1:]), lambda: now)

    losses.tell([LostEvents("g", "t", 5)])
    losses.tell([LostEvents("g", "t", 7), LostEvents("h", "t", 1)])
    losses.tell([])
    assert told == [(5, "t", "g"), (1, "t", "h")]
    now += 61
    losses.tell([LostEvents("g", "t", 1)])

    assert told[2:] == [(8, "t", "g")]
