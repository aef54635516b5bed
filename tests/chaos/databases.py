"""The databases of the system under test: files of SQLite, or a PostgreSQL server of the run's own."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil
import psycopg
from sqlalchemy import MetaData

from chaos.business import applied_table, balance_table, engine_of, orders_table
from engines.record import read_record
from outboard import Outboard, Outbox
from support.postgresql import PostgresqlServer, running_server

__all__ = ["Database", "Undo", "locked", "make_tables", "opened_database"]

Undo = Callable[[], None]
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("track_commit_timestamp = on", "max_connections = 400")


class Database(Protocol):
    """Both databases: of the orders, and of the ledger. `secrets` are texts that no log may have in it."""

    orders_url: str
    ledger_url: str
    secrets: Sequence[str]

    @property
    def server(self) -> PostgresqlServer | None:
        """None where it has no process of its own."""
        ...

    def freeze(self) -> Undo:
        """Nobody gets an answer, until that is undone."""
        ...

    def terminate_sessions(self) -> None:
        """End all connections."""
        ...

    def commit_order(self, table: str) -> str:
        """The SQL expression by which rows of `table` are in the order of their commits."""
        ...


class SqliteDatabase:
    """Two files. One writes at a time, so the order of row numbers is that of commits."""

    server = None

    def __init__(self, folder: Path) -> None:
        self.files = [folder / "orders.db", folder / "ledger.db"]
        self.orders_url, self.ledger_url = (f"sqlite:///{file}" for file in self.files)
        self.secrets: Sequence[str] = ()

    def freeze(self) -> Undo:
        """Somebody keeps the write locks."""
        return locked(*self.files)

    def terminate_sessions(self) -> None:
        """There are none."""

    def commit_order(self, table: str) -> str:
        return f"{table}.id"


class PostgresqlDatabase:
    """Two databases of one server. `track_commit_timestamp` tells the order of commits.

    No lock of the business's own keeps that order: so what is compared is what the outbox has seen to.
    """

    def __init__(self, server: PostgresqlServer) -> None:
        self.server = server
        password = secrets.token_urlsafe(12)
        for name in ("orders", "ledger"):
            self._execute(f"CREATE DATABASE {name}")
        urls = [f"postgresql+psycopg://outboard:{password}@127.0.0.1:{server.port}/{name}"
                for name in ("orders", "ledger")]  # fmt: skip
        self.orders_url, self.ledger_url = urls
        self.secrets: Sequence[str] = (password, *urls)

    def freeze(self) -> Undo:
        """SIGSTOP for the server and all of its sessions."""
        return frozen([psutil.Process(self.server.pid)])

    def terminate_sessions(self) -> None:
        with suppress(psycopg.OperationalError):  # while it is down, there are none
            self._execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def commit_order(self, table: str) -> str:
        return f"pg_xact_commit_timestamp({table}.xmin), {table}.id"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            self.server.conninfo("postgres"), autocommit=True, connect_timeout=10
        ) as connection:
            connection.execute(statement.encode())


def locked(*files: Path) -> Undo:
    """Keep the write locks of SQLite's `files`."""
    connections = [sqlite3.connect(file, timeout=60, isolation_level=None) for file in files]
    for connection in connections:
        connection.execute("BEGIN IMMEDIATE")

    def undo() -> None:
        for connection in connections:
            connection.rollback()
            connection.close()

    return undo


def frozen(first: Sequence[psutil.Process]) -> Undo:
    """SIGSTOP for processes and all of their children."""
    found = [each for one in first for each in (one, *one.children(recursive=True))]
    for each in found:
        with suppress(psutil.NoSuchProcess):
            each.suspend()

    def undo() -> None:
        for each in found:
            with suppress(psutil.NoSuchProcess):
                each.resume()

    return undo


@contextmanager
def opened_database(kind: str, folder: Path) -> Iterator[Database]:
    """A database of `kind`, `sqlite` or `postgresql`, with its tables. Raises LookupError."""
    with ExitStack() as stack:
        database: Database
        if kind == "sqlite":
            database = SqliteDatabase(folder)
        else:
            server = stack.enter_context(running_server(_programs()))
            with (server.folder / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in SETTINGS)
            server.restart()
            database = PostgresqlDatabase(server)
        make_tables(database)
        yield database


def make_tables(database: Database) -> None:
    """As the services' own migrations would."""
    orders, ledger = MetaData(), MetaData()
    orders_table(orders)
    applied_table(ledger)
    balance_table(ledger)
    for url, metadata in ((database.orders_url, orders), (database.ledger_url, ledger)):
        engine = engine_of(url)
        metadata.create_all(engine)
        if metadata is orders:
            Outbox(engine).create_tables(engine)
        else:
            board = Outboard(environ={})
            board.inbox(engine).create_tables(engine)
            board.dead_letters(engine).create_tables(engine)
        engine.dispose()


def _programs() -> Path:
    place = read_record(ROOT).get("postgresql")
    if place is None:
        raise LookupError("postgresql")
    return place
