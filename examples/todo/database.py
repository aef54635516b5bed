"""The database of a service: SQLite in a file, or PostgreSQL by URL. Everything here blocks its thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from outboard import Outbox

MAKING_TABLES: Final = text("SELECT pg_advisory_xact_lock(7051)")
"""Any number that the database has no other use for. The lock ends with its transaction."""


class Database:
    """`url` is SQLAlchemy's; `postgres://` and `postgresql://` mean the driver psycopg. It does no I/O."""

    def __init__(self, url: str) -> None:
        parsed = _with_driver(make_url(url))
        self.engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
        Outbox.make_durable(self.engine)
        self._read_only = self.engine.execution_options(outboard_begin="BEGIN")

    @contextmanager
    def open(self, metadata: MetaData) -> Iterator[None]:
        """Make the tables of `metadata` that are missing; give the connections back at the end.

        Of several processes that start at once one makes them, and the others wait.
        """
        try:
            with self.engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(MAKING_TABLES)
                metadata.create_all(connection)
            yield
        finally:
            self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that waits for nobody who writes."""
        with Session(self._read_only) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back by an exception."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url
