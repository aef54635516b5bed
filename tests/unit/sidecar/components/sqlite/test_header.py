"""The first bytes of a database, and the locks that others have on it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from outboard.sidecar.components.sqlite import header
from outboard.sidecar.components.sqlite.header import read_header

LOOK = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t'); c.close()"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def test_what_reads_it_takes_no_lock_from_a_connection_of_the_same_process(path: Path) -> None:
    path.touch()
    read_header(path, 16)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        log = path.with_name("log.db-wal")
        before = log.stat().st_ino
        assert read_header(path, 16) == b"SQLite format 3\0"
        subprocess.run([sys.executable, "-c", LOOK, str(path)], check=True)
        assert log.stat().st_ino == before  # the last one to close it would have removed it


def test_a_file_that_took_the_place_of_another_is_read_itself(path: Path) -> None:
    path.write_bytes(b"one")
    assert read_header(path, 100) == b"one"
    path.unlink()
    path.write_bytes(b"another")
    assert read_header(path, 4) == b"anot"


def test_where_there_is_none_the_system_says_so(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(path, 16)


def test_it_keeps_no_more_than_so_many_files_open(tmp_path: Path) -> None:
    for number in range(2 * header.MOST):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
        assert read_header(tmp_path / str(number), 10) == b"%d" % number
    assert len(header._kept) <= header.MOST
