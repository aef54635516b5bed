from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.sqlite.log import positions
from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.file import connect, prepare
from outboard.sidecar.components.sqlite.log.positions import Claim

MANY = LogTopic(1, 600)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    prepare(tmp_path / "events.db")
    with closing(connect(tmp_path / "events.db", 0)) as made:
        made.execute("PRAGMA synchronous = OFF")  # nobody needs what a test wrote after a power failure
        positions.begin(made, "g", MANY, "oldest")
        yield made


def committed(connection: sqlite3.Connection) -> list[int]:
    rows = connection.execute("SELECT committed FROM positions ORDER BY partition").fetchall()
    return [row[0] for row in rows]


def test_each_partition_moves_to_its_own_offset_however_many_there_are(
    connection: sqlite3.Connection,
) -> None:
    positions.claim(connection, "g", MANY, 7, range(600))

    refused = positions.commit(connection, {Claim("g", 1, number, 7): number + 1 for number in range(600)})

    assert refused == []
    assert committed(connection) == list(range(1, 601))


def test_no_offset_goes_back(connection: sqlite3.Connection) -> None:
    positions.claim(connection, "g", MANY, 7, [0, 1])
    first, second = Claim("g", 1, 0, 7), Claim("g", 1, 1, 7)
    positions.commit(connection, {first: 5, second: 5})

    positions.commit(connection, {first: 3, second: 8})

    assert committed(connection)[:3] == [5, 8, 0]


def test_of_several_members_each_moves_what_it_holds_and_nothing_else(connection: sqlite3.Connection) -> None:
    positions.claim(connection, "g", MANY, 7, [0, 1])
    positions.claim(connection, "g", MANY, 8, [2])
    lost, free = Claim("g", 1, 2, 7), Claim("g", 1, 3, 8)
    offsets = {Claim("g", 1, 0, 7): 4, lost: 9, Claim("g", 1, 2, 8): 6, free: 9, Claim("g", 1, 1, 7): 5}

    refused = positions.commit(connection, offsets)

    assert {*refused} == {lost, free}
    assert committed(connection)[:4] == [4, 5, 6, 0]
