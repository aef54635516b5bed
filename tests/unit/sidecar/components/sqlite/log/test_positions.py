from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.sqlite.log import positions
from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.file import connect, prepare
from outboard.sidecar.components.sqlite.log.position import Hold, Position
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

    refused = positions.commit(
        connection, {Claim("g", 1, number, 7): Position(number + 1) for number in range(600)}
    )

    assert refused == []
    assert committed(connection) == list(range(1, 601))


def test_no_offset_goes_back(connection: sqlite3.Connection) -> None:
    positions.claim(connection, "g", MANY, 7, [0, 1])
    first, second = Claim("g", 1, 0, 7), Claim("g", 1, 1, 7)
    positions.commit(connection, {first: Position(5), second: Position(5)})

    positions.commit(connection, {first: Position(3), second: Position(8)})

    assert committed(connection)[:3] == [5, 8, 0]


def test_of_several_members_each_moves_what_it_holds_and_nothing_else(connection: sqlite3.Connection) -> None:
    positions.claim(connection, "g", MANY, 7, [0, 1])
    positions.claim(connection, "g", MANY, 8, [2])
    lost, free = Claim("g", 1, 2, 7), Claim("g", 1, 3, 8)
    reached = {Claim("g", 1, 0, 7): 4, lost: 9, Claim("g", 1, 2, 8): 6, free: 9, Claim("g", 1, 1, 7): 5}
    offsets = {claim: Position(offset) for claim, offset in reached.items()}

    refused = positions.commit(connection, offsets)

    assert {*refused} == {lost, free}
    assert committed(connection)[:4] == [4, 5, 6, 0]


def test_what_is_settled_behind_a_held_event_is_remembered_with_why_it_is_held(
    connection: sqlite3.Connection,
) -> None:
    positions.claim(connection, "g", MANY, 7, [0, 1])
    held = Position(3, (4, 12), 112, Hold(6, 1_700_000_000_000, "not now"))
    positions.commit(connection, {Claim("g", 1, 0, 7): held, Claim("g", 1, 1, 7): Position(5)})

    assert positions.claim(connection, "g", MANY, 8, [0, 1]) == {0: held, 1: Position(5)}

    refused = positions.commit(connection, {Claim("g", 1, 0, 7): Position(2, (3,), 5)})
    assert refused == [Claim("g", 1, 0, 7)]
    positions.commit(connection, {Claim("g", 1, 0, 8): Position(112)})
    assert positions.read(connection, "g", MANY, 0) == Position(112)


def test_where_an_earlier_version_went_on_what_it_left_is_believed(connection: sqlite3.Connection) -> None:
    """It moves `committed` and knows nothing of the rest, which stays true."""
    positions.claim(connection, "g", MANY, 7, [0])
    positions.commit(connection, {Claim("g", 1, 0, 7): Position(3, (4, 12), 20)})
    for committed, found in ((4, Position(4, (12,), 20)), (12, Position(20)), (30, Position(30))):
        connection.execute("UPDATE positions SET committed = ? WHERE partition = 0", (committed,))
        assert positions.read(connection, "g", MANY, 0) == found


def test_what_a_person_skips_is_passed_by_whoever_goes_on(connection: sqlite3.Connection) -> None:
    positions.claim(connection, "g", MANY, 7, [0])
    positions.commit(connection, {Claim("g", 1, 0, 7): Position(3, (4, 12), 20)})
    connection.execute("UPDATE positions SET skip = 4 WHERE partition = 0")

    assert positions.skips(connection, "g", MANY) == {0: 4}
    assert positions.claim(connection, "g", MANY, 8, [0]) == {0: Position(11, (12,), 20)}
