"""The file of a log: made, recognized, opened. A file that is something else is never touched.

What SQLite opens it may change (a `-wal` file appears beside it), so the header is read as plain bytes first.
Source: SQLite, "Database File Format", section 1.3.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from outboard.host.private_files import make_private
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.sqlite.header import read_header
from outboard.sidecar.components.sqlite.log.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, UPGRADES
from outboard.sidecar.components.sqlite.write_ahead import switch_to_wal

__all__ = ["connect", "immediately", "prepare", "recognize", "translated"]

HEADER: Final = 100  # bytes
MAGIC: Final = b"SQLite format 3\x00"
PAUSE: Final = 0.0005  # seconds between two attempts to get a lock


def prepare(path: Path, busy_timeout: float = 2.0) -> None:
    """Make the log where there is no file yet; recognize the one that is there, and bring it up to date.

    Raises ComponentError for a file of another format or a newer version, and where none can be made.
    """
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise ComponentError(_unusable(path, error)) from error
    if recognize(path) != SCHEMA_VERSION:
        _upgrade(path, busy_timeout)


def recognize(path: Path) -> int:
    """The version of the log at `path`, which this sidecar knows. The file is left as it is.

    Raises ComponentError for a file of another format or a newer version, and where there is none.
    """
    try:
        header = read_header(path, HEADER)
    except OSError as error:
        raise ComponentError(_unusable(path, error)) from error
    untouched = "It is left as it is: name another file in `connectionString`"
    if not header.startswith(MAGIC) or len(header) < HEADER:
        raise ComponentError(f"{path} is not a SQLite file. {untouched}")
    version, application = _number(header, 60), _number(header, 68)
    if application != APPLICATION_ID:
        raise ComponentError(f"{path} is a SQLite file of something else, not a log of events. {untouched}")
    _check_version(path, version)
    return version


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """A connection to the log at `path`, for the calling thread. Raises ComponentError.

    It waits `busy_timeout` seconds for a lock of another process.
    """
    with translated(f"cannot open {path}"):
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)
        try:
            _configure(connection, busy_timeout)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def immediately(connection: sqlite3.Connection, busy_timeout: float) -> Iterator[None]:
    """A transaction that may write, from its begin on; undone where the block raises.

    It waits for the lock by itself, as the pauses that SQLite makes grow to a tenth of a second: give the
    connection no `PRAGMA busy_timeout`.
    """
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has ended it where the disk is full
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of SQLite, and of text that is none, as ComponentError that says what could not be done."""
    try:
        yield
    except (sqlite3.Error, UnicodeEncodeError) as error:
        raise ComponentError(f"{doing}: {error}{_advice(error)}") from error


def _configure(connection: sqlite3.Connection, busy_timeout: float) -> None:
    if switch_to_wal(connection, busy_timeout) != "wal":
        raise ComponentError("write-ahead logging does not work in this file system: choose a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA cache_size = -8000")  # KiB


def _create(path: Path) -> None:
    """Make it whole under another name first: whoever looks, or dies, finds all of it or nothing."""
    if not path.parent.is_dir():
        raise ComponentError(f"cannot make {path}: there is no folder {path.parent}. Make it first")
    draft = path.with_name(f".{path.name}.{uuid4().hex}.new")
    try:
        make_private(draft)
        with translated(f"cannot make {path}"), closing(sqlite3.connect(draft)) as connection:
            connection.executescript(SCHEMA)
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give the draft its name, unless somebody was first."""
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not path.exists():
            draft.rename(path)


def _check_version(path: Path, version: int) -> None:
    if version != SCHEMA_VERSION and version not in UPGRADES:
        raise ComponentError(
            f"{path} is a log of version {version}, this sidecar knows version {SCHEMA_VERSION}. "
            "It is left as it is: name another file in `connectionString`, or update Outboard"
        )


def _upgrade(path: Path, busy_timeout: float) -> None:
    """One version after the other, in one transaction. Who has the file open goes on with it.

    The header of the file may be older than what its write-ahead log says.
    """
    with closing(connect(path, 0)) as connection, translated(f"cannot bring {path} up to date"):
        with immediately(connection, busy_timeout):
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            _check_version(path, version)
            for each in range(version, SCHEMA_VERSION):
                for statement in UPGRADES[each]:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # so that the header says so, too


def _number(header: bytes, at: int) -> int:
    return int.from_bytes(header[at : at + 4], "big")


def _advice(error: Exception) -> str:
    forbidden = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return ". The file and its folder must be writable" if code & 0xFF in forbidden else ""


def _unusable(path: Path, error: OSError) -> str:
    return f"cannot use {path}: {error.strerror or error}"
