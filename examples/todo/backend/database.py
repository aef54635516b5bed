"""The tasks' database: SQLite in a file, or PostgreSQL by URL. Everything here blocks its thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from backend.models import Base

DEFAULT_URL: Final = "sqlite:///todo.db"
SQLITE_BEGIN: Final = "sqlite_begin"


class Database:
    """`url` is SQLAlchemy's; `postgres://` and `postgresql://` mean the psycopg driver."""

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self._engine = _engine(_with_driver(make_url(url)))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the tables that are missing; give the connections back at the end."""
        try:
            Base.metadata.create_all(self._engine)
            yield
        finally:
            self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back by an exception."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={SQLITE_BEGIN: "BEGIN IMMEDIATE"})
            yield session


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url


def _engine(url: URL) -> Engine:
    engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: see _begin_sqlite
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once if somebody wrote in between, whatever
    # the busy timeout says; one that takes the write lock at the start waits for its turn.
    connection.exec_driver_sql(connection.get_execution_options().get(SQLITE_BEGIN, "BEGIN"))
