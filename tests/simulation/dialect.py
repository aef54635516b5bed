"""SQLAlchemy's way to the simulated database: an asynchronous dialect, of which each step is an await.

Engines are made once in a Python process, so that statements are compiled once. Which database is meant is
asked at each connection: `current` has it by the name of the engine's URL.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from simulation.database import CLOSED, Answer, Database, Transaction

__all__ = ["current", "engine_named"]

T = TypeVar("T")

current: Final[dict[str, Database]] = {}
"""The databases of the run that goes on."""
PRAGMAS: Final = {"PRAGMA journal_mode": ("wal",), "PRAGMA synchronous": (2,)}
"""As far as anybody asks, what is committed is on the disk."""


class _Cursor:
    """PEP 249's, as far as SQLAlchemy needs it."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: deque[Any] = deque()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        if statement.startswith("PRAGMA"):
            found = PRAGMAS.get(statement)
            self._rows = deque([found] if found is not None else [])
            self.description = [("value",) + (None,) * 6]
            return self
        answer = await_only(self._connection.execute(statement, parameters))
        self.description, self._rows = answer.description, answer.rows
        self.rowcount, self.lastrowid = answer.rowcount, answer.lastrowid
        return self

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> _Cursor:
        self.rowcount = await_only(self._connection.execute_many(statement, parameters))
        return self

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(size or 1, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        self.close()


class _Connection:
    """A session. A transaction begins with BEGIN, which the kit writes by itself."""

    isolation_level: str | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self._transaction: Transaction | None = None

    def cursor(self, *_: Any, **__: Any) -> _Cursor:
        return _Cursor(self)

    async def execute(self, statement: str, parameters: Sequence[Any]) -> Answer:
        if statement.startswith("BEGIN"):
            self._transaction = await self._database.begin(writes="IMMEDIATE" in statement)
            return NOTHING
        if self._transaction is None:
            raise sqlite3.ProgrammingError(CLOSED)
        return await self._database.execute(self._transaction, statement, parameters)

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        if self._transaction is None:
            raise sqlite3.ProgrammingError(CLOSED)
        return await self._database.execute_many(self._transaction, statement, rows)

    def commit(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            await_only(self._database.commit(transaction))

    def rollback(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            await_only(self._database.rollback(transaction))

    def close(self) -> None:
        self.rollback()

    def terminate(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.end()


class _Module(ModuleType):
    """PEP 249's module."""

    paramstyle = "qmark"
    sqlite_version_info = sqlite3.sqlite_version_info
    sqlite_version = sqlite3.sqlite_version

    def connect(self, name: str, **_: Any) -> _Connection:
        return _Connection(current[name])


NOTHING: Final = Answer(None)
MODULE: Final = _Module("simulated")
for _name in ("Error", "DatabaseError", "IntegrityError", "NotSupportedError", "OperationalError",
              "ProgrammingError", "InterfaceError", "DataError", "InternalError", "Binary",
              "PARSE_COLNAMES", "PARSE_DECLTYPES"):  # fmt: skip
    setattr(MODULE, _name, getattr(sqlite3, _name))


class SimulatedDialect(SQLiteDialect_pysqlite):
    driver = "simulated"
    supports_statement_cache = True
    is_async = True
    has_terminate = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return MODULE

    @classmethod
    def get_pool_class(cls, url: Any) -> Any:
        return NullPool

    def on_connect(self) -> None:  # type: ignore[override]
        return None

    def create_connect_args(self, url: Any) -> Any:
        return [url.database], {}

    def get_driver_connection(self, connection: Any) -> Any:
        return connection

    def do_terminate(self, dbapi_connection: Any) -> None:
        dbapi_connection.terminate()

    def initialize(self, connection: Any) -> None:
        """There is nothing to be asked."""


registry.register("sqlite.simulated", __name__, "SimulatedDialect")


def engine_named(name: str) -> AsyncEngine:
    """An engine for the database of this name, whichever run goes on."""
    return AsyncEngine(create_engine(f"sqlite+simulated:///{name}", use_insertmanyvalues=False))
