"""Whether what a database has committed is on its disk."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from outboard.errors import NotDurable

__all__ = [
    "BEGIN_OPTION",
    "READ_ONLY",
    "check_dialect",
    "check_durable",
    "check_sqlite",
    "check_synchronous_commit",
    "make_durable",
]

CHECKED: Final = "outboard_outbox_checked"
BEGIN_OPTION: Final = "outboard_begin"
READ_ONLY: Final = {BEGIN_OPTION: "BEGIN"}
"""Execution options of a transaction that only reads, and so need not wait for the write lock of SQLite."""
BUSY_MILLISECONDS: Final = 5_000
SYNCHRONOUS: Final = {"0": "OFF", "1": "NORMAL", "2": "FULL", "3": "EXTRA"}
SYNCHRONOUS_COMMIT: Final = "SELECT current_setting('synchronous_commit')"
ADVICE: Final = "Call `Outbox.make_durable(engine)` where the engine is made."


def make_durable(engine: Engine) -> None:
    """Have every connection of an `engine` for SQLite keep what it commits, and write in turn.

    They get `journal_mode=WAL`, `synchronous=FULL` and a busy timeout of 5 s; transactions begin with BEGIN
    IMMEDIATE, because one that reads first and writes later fails at once if somebody wrote in between. One
    that only reads may have `execution_options(outboard_begin="BEGIN")`. Other databases stay as they are.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)


def check_dialect(name: str) -> None:
    """Raises NotDurable for a database that the outbox does not know."""
    if name not in ("sqlite", "postgresql"):
        raise NotDurable(
            name, "its kind", f"'{name}'", "nobody knows whether it keeps order", "Use SQLite or PostgreSQL."
        )


def check_durable(connection: Connection) -> None:
    """Raises NotDurable where what `connection` commits may be lost; looks once at each one of the pool."""
    check_dialect(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        check_sqlite(connection)
    elif CHECKED not in connection.info:
        check_synchronous_commit(str(connection.execute(text(SYNCHRONOUS_COMMIT)).scalar_one()))
        connection.info[CHECKED] = True


def check_sqlite(connection: Connection) -> None:
    """Raises NotDurable; looks once at each connection of the pool."""
    if CHECKED in connection.info:
        return
    journal = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar()).lower()
    if journal != "wal":
        consequence = (
            "readers and the relay would lock each other out, or a crash could lose what was committed"
        )
        raise NotDurable("SQLite", "journal_mode", f"'{journal}', not 'wal'", consequence, ADVICE)
    synchronous = str(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    if synchronous not in ("2", "3"):
        value = f"{SYNCHRONOUS.get(synchronous, synchronous)}, not FULL"
        consequence = "a power cut could lose events that were committed"
        raise NotDurable("SQLite", "synchronous", value, consequence, ADVICE)
    connection.info[CHECKED] = True


def check_synchronous_commit(value: str) -> None:
    """Raises NotDurable where PostgreSQL answers a commit before it is on a disk."""
    if value == "off":
        consequence = "a crash of the server could lose events that were committed"
        advice = "Set it to 'on' or 'local', for this database or for the transactions that stage events."
        raise NotDurable("PostgreSQL", "synchronous_commit", "off", consequence, advice)


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: see _begin
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN IMMEDIATE"))
