"""Which files are taken for a log, and what is done with all others: nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.sqlite.log.file import connect, immediately, prepare
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
