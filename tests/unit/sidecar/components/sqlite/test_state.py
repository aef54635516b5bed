"""What `state.sqlite` does beyond the contract of every state store."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError, EtagMismatchError, Found, Set, StateOptions
from outboard.sidecar.components.sqlite import state as state_sqlite
from outboard.sidecar.components.sqlite.state import SqliteSettings, SqliteState

pytestmark = pytest.mark.anyio

# As a real daprd 1.18.1 made it.
TABLES_OF_DAPRD = """
CREATE TABLE metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);
CREATE TABLE state (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    is_binary BOOLEAN NOT NULL,
    etag TEXT NOT NULL,
    expiration_time TIMESTAMP DEFAULT NULL,
    update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO metadata VALUES ('migrations', '1');
INSERT INTO state VALUES ('A||text', '{"a":1,"z":"\\u003c"}', 0, 'e1', NULL, '2029-11-23 12:28:56');
INSERT INTO state VALUES ('A||bytes', 'AP8=', 1, 'e2', NULL, '2029-11-23 12:28:56');
INSERT INTO state VALUES ('A||living', '1', 0, 'e3', '2030-01-02 03:05:05', '2029-11-23 12:28:56');
INSERT INTO state VALUES ('A||expired', '1', 0, 'e4', '2030-01-02 03:04:05', '2029-11-23 12:28:56');
"""


class StillClock:
    def __init__(self) -> None:
        self.at = datetime(2030, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@asynccontextmanager
async def opened(settings: SqliteSettings, clock: StillClock | None = None) -> AsyncIterator[SqliteState]:
    ids = itertools.count(1)
    store = SqliteState(settings, clock or StillClock(), lambda: f"etag-{next(ids)}")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def test_a_file_of_daprd_is_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES_OF_DAPRD)

    async with opened(SqliteSettings(str(path))) as store:
        found = await store.get(["A||text", "A||bytes", "A||living", "A||expired"])

    assert found == {
        "A||text": Found(b'{"a":1,"z":"\\u003c"}', "e1"),
        "A||bytes": Found(b"\x00\xff", "e2"),
        "A||living": Found(b"1", "e3", datetime(2030, 1, 2, 3, 5, 5, tzinfo=UTC)),
    }


async def test_what_is_written_looks_as_daprd_writes_it(path: Path) -> None:
    async with opened(SqliteSettings(str(path))) as store:
        await store.set(Set("A||text", {"z": "<", "a": 1}, metadata={"ttlInSeconds": "60"}))
        await store.set(Set("A||bytes", b"\x00\xff"))

    assert rows(path, "SELECT * FROM state ORDER BY key") == [
        ("A||bytes", "AP8=", 1, "etag-2", None, "2030-01-02 03:04:05"),
        ("A||text", '{"a":1,"z":"\\u003c"}', 0, "etag-1", "2030-01-02 03:05:05", "2030-01-02 03:04:05"),
    ]
    assert rows(path, "SELECT * FROM metadata") == [("migrations", "1")]


async def test_values_outlive_the_store(path: Path) -> None:
    async with opened(SqliteSettings(str(path))) as store:
        await store.set(Set("k", "v"))

    async with opened(SqliteSettings(str(path))) as store:
        assert (await store.get(["k"]))["k"].data == b'"v"'


async def test_two_stores_on_one_file_see_each_other(path: Path) -> None:
    async with opened(SqliteSettings(str(path))) as one, opened(SqliteSettings(str(path))) as other:
        await one.set(Set("k", 1))
        await other.set(Set("k", 2, etag=(await other.get(["k"]))["k"].etag))

        with pytest.raises(EtagMismatchError):
            await one.set(Set("k", 3, options=StateOptions("first-write")))
        assert (await one.get(["k"]))["k"].data == b"2"


async def test_a_file_that_another_process_holds_is_an_error_and_the_store_goes_on(path: Path) -> None:
    async with opened(SqliteSettings(str(path), busy_timeout=0.01)) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ComponentError, match="cannot write: database is locked"):
                await store.set(Set("k", 1))
            other.execute("ROLLBACK")

        await store.set(Set("k", 2))
        assert (await store.get(["k"]))["k"].data == b"2"


@pytest.mark.parametrize(("wal", "mode"), [(True, "wal"), (False, "delete")])
async def test_the_journal(path: Path, wal: bool, mode: str) -> None:
    async with opened(SqliteSettings(str(path), wal=wal)):
        assert rows(path, "PRAGMA journal_mode") == [(mode,)]


async def test_tables_of_other_names(path: Path) -> None:
    async with opened(SqliteSettings(str(path), "s2", "m2")) as store:
        await store.set(Set("k", 1))

    assert rows(path, "SELECT count(*) FROM s2") == [(1,)]
    assert rows(path, "SELECT value FROM m2") == [("1",)]


async def test_tables_of_a_later_version_are_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES_OF_DAPRD + "UPDATE metadata SET value = '2';")

    with pytest.raises(ComponentError, match="are of version 2, this sidecar knows version 1"):
        async with opened(SqliteSettings(str(path))):
            pass


async def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"cannot open .*s\.db: unable to open database file"):
        async with opened(SqliteSettings(str(tmp_path / "no" / "s.db"))):
            pass


@pytest.fixture
def no_database(path: Path) -> Path:
    path.write_text("not a database, but long enough to be looked at as one" * 40, encoding="utf-8")
    return path


async def test_a_file_that_is_no_database(no_database: Path) -> None:

    with pytest.raises(ComponentError, match="file is not a database"):
        async with opened(SqliteSettings(str(no_database))):
            pass


@pytest.mark.parametrize("database", [":memory:", "file:some-name?mode=memory"])
async def test_databases_that_are_no_file(database: str) -> None:
    async with opened(SqliteSettings(database)) as store:
        await store.set(Set("k", 1))
        assert (await store.get(["k"]))["k"].data == b"1"


async def test_expired_rows_are_deleted_at_a_write_once_an_interval(path: Path) -> None:
    clock = StillClock()
    async with opened(SqliteSettings(str(path), cleanup_interval=60), clock) as store:
        await store.set(Set("short", 1, metadata={"ttlInSeconds": "1"}))
        await clock.sleep(59)
        await store.set(Set("k", 1))
        assert rows(path, "SELECT key FROM state ORDER BY key") == [("k",), ("short",)]

        await clock.sleep(1)
        await store.set(Set("k", 2))
        assert rows(path, "SELECT key FROM state") == [("k",)]


@pytest.mark.parametrize("ttl", ["-2", "9223372037"])
async def test_a_time_to_live_out_of_range(path: Path, ttl: str) -> None:
    async with opened(SqliteSettings(str(path))) as store:
        with pytest.raises(ComponentError, match=r"^error parsing TTL: .*must be -1 or greater"):
            await store.set(Set("k", 1, metadata={"ttlInSeconds": ttl}))


async def test_a_closed_store_says_so(path: Path) -> None:
    async with opened(SqliteSettings(str(path))) as store:
        pass

    with pytest.raises(ComponentError, match="closed"):
        await store.get(["k"])


# From a component


def properties(**values: str) -> Properties:
    component = Component("statestore", "state.sqlite", path=Path("c.yaml"), line=3)
    return Properties(component, {name.lower(): value for name, value in values.items()})


@pytest.mark.parametrize("name", ["connectionString", "url"])
async def test_the_path_has_two_names(path: Path, name: str) -> None:
    store = await state_sqlite.create(properties(**{name: str(path)}), ComponentContext("app"))
    await store.close()

    assert rows(path, "SELECT count(*) FROM state") == [(0,)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "c.yaml:3 could not be set up: the metadata item `connectionString` is missing or empty"),
        ({"connectionString": "a\0b"}, "`connectionString` holds a NUL character"),
        ({"connectionString": "x", "tableName": "a; DROP TABLE b"}, "`tableName` is not a table name"),
        ({"connectionString": "x", "metadataTableName": "1"}, "`metadataTableName` is not a table name"),
        ({"connectionString": "x", "timeout": "500ms"}, "`timeout` must be at least 1 s"),
        ({"connectionString": "x", "busyTimeout": "soon"}, "`busyTimeout` is not a duration"),
    ],
)
async def test_settings_that_cannot_be(values: dict[str, str], said: str) -> None:
    with pytest.raises(ComponentInitFailed) as caught:
        await state_sqlite.create(properties(**values), ComponentContext("app"))

    assert said in str(caught.value)


async def test_sidecars_that_start_at_once_share_a_new_file(tmp_path: Path) -> None:
    for attempt in range(20):  # the race is short: one round shows it seldom, twenty nearly always
        settings = SqliteSettings(str(tmp_path / f"state-{attempt}.db"))
        async with contextlib.AsyncExitStack() as stack:
            openings = [stack.enter_async_context(opened(settings)) for _ in range(4)]
            await asyncio.gather(*openings)


posix_only = pytest.mark.skipif(os.name != "posix", reason="about files of POSIX")


@posix_only
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
async def test_nothing_is_acknowledged_that_goes_to_a_file_which_is_gone(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "state.db"
    async with opened(SqliteSettings(str(path))) as store:
        await store.set(Set("k", b"1"))
        gone = path.with_name(path.name + suffix)
        gone.unlink()
        with pytest.raises(ComponentError, match="was removed or replaced while it was in use"):
            await store.set(Set("k", b"2"))


async def test_two_sidecars_of_one_process_keep_their_locks_on_one_file(path: Path) -> None:
    look = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM state'); c.close()"
    )
    settings = SqliteSettings(str(path))
    async with opened(settings) as one, opened(settings) as other:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", look, str(path))
        assert await process.wait() == 0  # the last one to close the file would remove what is beside it
        await one.set(Set("k", b"1"))
        assert await other.get(["k"])


@posix_only
async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    for database in (str(tmp_path / "a.db"), (tmp_path / "b.db").as_uri()):
        async with opened(SqliteSettings(database)) as store:
            await store.set(Set("k", b"1"))
            assert modes(tmp_path) == {0o600}


@posix_only
async def test_a_file_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(0o640)
    path.chmod(0o640)
    async with opened(SqliteSettings(str(path))):
        assert path.stat().st_mode & 0o777 == 0o640


async def test_a_uri_that_makes_no_file_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with pytest.raises(ComponentError, match="cannot open"):
        async with opened(SqliteSettings(f"{path.as_uri()}?mode=rw")):
            pass
    assert not path.exists()
