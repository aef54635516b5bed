"""Which files are taken for a log, and what is done with all others: nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.sqlite.log import positions
from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.file import connect, immediately, prepare, recognize
from outboard.sidecar.components.sqlite.log.position import Position
from outboard.sidecar.components.sqlite.log.schema import SCHEMA_VERSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE state (key TEXT)")
        connection.commit()


def newer_log(path: Path) -> None:
    prepare(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"garbage" * 100), "is not a SQLite file"),
        (lambda path: path.write_bytes(b""), "is not a SQLite file"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00"), "is not a SQLite file"),
        (other_database, "is a SQLite file of something else, not a log of events"),
        (newer_log, f"is a log of version {SCHEMA_VERSION + 1}, this sidecar knows version {SCHEMA_VERSION}"),
    ],
    ids=["garbage", "empty", "cut off", "another database", "newer"],
)
def test_a_file_that_is_something_else_is_refused_and_not_touched(
    path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(path)
    before = path.read_bytes()

    with pytest.raises(ComponentError) as raised:
        prepare(path)

    assert str(raised.value).startswith(f"{path} {said}")
    assert "name another file in `connectionString`" in str(raised.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"there is no folder .*absent\. Make it first"):
        prepare(tmp_path / "absent" / "events.db")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"^cannot use "):
        prepare(tmp_path)


def test_a_log_is_made_whole_and_recognized_again(path: Path) -> None:
    prepare(path)
    assert list(path.parent.iterdir()) == [path]
    prepare(path)

    with closing(connect(path, 1)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_many_may_make_the_same_log_at_once(path: Path) -> None:
    errors: list[BaseException] = []

    def make() -> None:
        try:
            prepare(path)
            connect(path, 10).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert [each.name for each in path.parent.iterdir() if each.name.endswith(".new")] == []


def test_who_is_second_leaves_the_log_of_the_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(path)
    with closing(connect(path, 1)) as connection:
        connection.execute("INSERT INTO topics (name, partitions) VALUES ('t', 1)")
    monkeypatch.setattr(Path, "exists", lambda self: False)  # both looked before there was one

    prepare(path)

    with closing(connect(path, 1)) as connection:
        assert connection.execute("SELECT name FROM topics").fetchall() == [("t",)]


def test_a_lock_of_another_is_waited_for_only_so_long(path: Path) -> None:
    prepare(path)
    with closing(connect(path, 0)) as holder, closing(connect(path, 0)) as waiting:
        locked = pytest.raises(sqlite3.OperationalError, match="locked")
        with immediately(holder, 0), locked, immediately(waiting, 0.01):
            pass
        with immediately(waiting, 0.01):
            waiting.execute("INSERT INTO topics (name, partitions) VALUES ('t', 1)")


def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    prepare(path)
    with closing(connect(path, 0)) as connection:
        with pytest.raises(ZeroDivisionError), immediately(connection, 0):
            connection.execute("INSERT INTO topics (name, partitions) VALUES ('t', 1)")
            raise ZeroDivisionError
        assert connection.execute("SELECT count(*) FROM topics").fetchone() == (0,)


VERSION_1 = """
PRAGMA application_id = 1329753191;
PRAGMA user_version = 1;
CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL);
CREATE TABLE events (
    offset INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
    published INTEGER NOT NULL, content_type TEXT, metadata TEXT NOT NULL, data BLOB NOT NULL
);
CREATE INDEX events_by_partition ON events (topic, partition);
CREATE TABLE groups (
    name TEXT NOT NULL, topic INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY (name, topic)
) WITHOUT ROWID;
CREATE TABLE positions (
    consumer_group TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
    committed INTEGER NOT NULL, owner INTEGER, PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
CREATE TABLE members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, consumer_group TEXT NOT NULL, topic INTEGER NOT NULL,
    beats INTEGER NOT NULL DEFAULT 0, port INTEGER NOT NULL, host TEXT NOT NULL, process INTEGER NOT NULL,
    process_started REAL NOT NULL
);
INSERT INTO topics VALUES (1, 't', 1);
INSERT INTO events VALUES (7, 1, 0, 0, NULL, '{}', 'a');
INSERT INTO positions VALUES ('app', 1, 0, 6, NULL);
"""


def version_1(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)


def columns(path: Path) -> list[tuple[object, ...]]:
    with closing(connect(path, 1)) as connection:
        return connection.execute(
            "SELECT name, type, dflt_value FROM pragma_table_info('positions')"
        ).fetchall()


def test_a_log_of_version_1_is_brought_up_to_date_with_all_that_is_in_it(path: Path, tmp_path: Path) -> None:
    version_1(path)
    prepare(path)

    assert recognize(path) == SCHEMA_VERSION, "the header says so, too"
    with closing(connect(path, 1)) as connection:
        assert connection.execute("SELECT offset, data FROM events").fetchall() == [(7, "a")]
        topic = LogTopic(1, 1)
        assert positions.read(connection, "app", topic, 0) == Position(6)
    prepare(new := tmp_path / "new.db")
    assert columns(path) == columns(new), "as one that is made today"
    prepare(path)


def test_many_may_bring_it_up_to_date_at_once_while_another_has_it_open(path: Path) -> None:
    version_1(path)
    errors: list[BaseException] = []

    def upgrade() -> None:
        try:
            prepare(path, 10)
        except BaseException as error:
            errors.append(error)

    with closing(connect(path, 1)) as user:
        user.execute("SELECT count(*) FROM events").fetchone()
        threads = [threading.Thread(target=upgrade) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        user.execute("UPDATE positions SET committed = 7")  # as a process of the earlier version goes on
    assert errors == []
    assert recognize(path) == SCHEMA_VERSION


def test_an_upgrade_that_cannot_be_done_now_says_so_and_leaves_the_file(path: Path) -> None:
    version_1(path)
    with (
        closing(connect(path, 0)) as holder,
        immediately(holder, 0),
        pytest.raises(ComponentError, match=r"cannot bring .*events\.db up to date: database is locked"),
    ):
        prepare(path, 0.01)
    assert len(columns(path)) == 5
    prepare(path)
