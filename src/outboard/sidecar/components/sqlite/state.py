"""`state.sqlite`: keys in a SQLite file, in daprd's own tables: each can take over from the other."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from outboard.clock import Clock
from outboard.host.private_files import make_private
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError, Delete, Found, Set, StateTraits
from outboard.sidecar.components.sqlite.paths import file_of, located
from outboard.sidecar.components.sqlite.presence import presence
from outboard.sidecar.components.sqlite.state_statements import (
    LIVE,
    SCHEMA,
    SCHEMA_VERSION,
    Statement,
    found_in,
    stamp,
    statement_for,
)
from outboard.sidecar.components.sqlite.write_ahead import switch_to_wal
from outboard.sidecar.components.state.values import etag_mismatch

__all__ = ["METADATA", "SqliteSettings", "SqliteState", "check", "create"]

METADATA: Final = KnownMetadata((
    "connectionString", "url", "tableName", "metadataTableName", "timeout", "timeoutInSeconds", "busyTimeout",
    "disableWAL", "cleanupInterval", "cleanupIntervalInSeconds",
))  # fmt: skip
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
KEYS_IN_ONE_SELECT: Final = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """`database` is a path, a `file:` URI or `:memory:`. Times are in seconds; cleaning every 0 is never."""

    database: str
    state_table: str = "state"
    metadata_table: str = "metadata"
    timeout: float = 20.0
    busy_timeout: float = 2.0
    wal: bool = True
    cleanup_interval: float = 0.0

    @property
    def may_create(self) -> bool:
        """Whether a file that is not there is made, as the `mode` of a URI says."""
        return "mode=" not in self.database or "mode=rwc" in self.database


class SqliteState:
    """One connection, used by one thread, which does one operation at a time."""

    traits = StateTraits(
        features=frozenset({"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"}),  # as daprd lists them
        finds_first=True,
    )

    def __init__(self, settings: SqliteSettings, clock: Clock, new_etag: Callable[[], str]) -> None:
        self._settings = settings
        self._clock = clock
        self._new_etag = new_etag
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._check: Callable[[], None] = _is_there
        self._cleaned: datetime | None = None

    async def open(self) -> None:
        """Make the tables where they are missing. Raises ComponentError."""
        try:
            await self._run(self._open)
        except BaseException:
            await self.close()
            raise

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        now = self._now()
        return await self._run(lambda: self._get(list(dict.fromkeys(keys)), now))

    async def set(self, operation: Set) -> None:
        await self.transact([operation])

    async def delete(self, operation: Delete) -> None:
        await self.transact([operation])

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        """In one transaction: the first that fails undoes all."""
        now = self._now()
        statements = [self._statement(operation, now) for operation in operations]
        await self._run(lambda: self._write(statements))

    async def keys(self, prefix: str, limit: int) -> Sequence[str]:
        """As `KeyListing`."""
        now = self._now()
        return await self._run(lambda: self._keys(prefix, limit, now))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    # In the event loop

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    async def _run(self, job: Callable[[], T]) -> T:
        try:
            future = asyncio.get_running_loop().run_in_executor(self._thread, job)
        except RuntimeError as error:  # what an executor raises once it is shut down
            raise ComponentError("the state store is closed") from error
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await future
        except TimeoutError as error:
            reason = f"no answer from the database within {self._settings.timeout:g} s"
            raise ComponentError(f"{reason}; a write may still happen") from error

    def _statement(self, operation: Set | Delete, now: datetime) -> Statement:
        return statement_for(operation, now, self._new_etag())

    def _sql(self, template: str) -> str:
        return template.format(state=self._settings.state_table, metadata=self._settings.metadata_table)

    # In the thread

    def _open(self) -> None:
        settings = self._settings
        file = file_of(settings.database)
        with _translated(f"cannot open {settings.database}"):
            if file is not None and settings.may_create:
                with suppress(OSError):  # SQLite says it in its own words, at once
                    make_private(file)
            connection = self._connection = sqlite3.connect(
                settings.database,
                timeout=settings.busy_timeout,
                isolation_level=None,  # transactions are begun and ended here
                uri=settings.database.startswith("file:"),
            )
            if settings.wal:
                switch_to_wal(connection, settings.busy_timeout)
            with _transaction(connection):
                for statement in SCHEMA:
                    connection.execute(self._sql(statement))
                found = connection.execute(self._sql("SELECT value FROM {metadata} WHERE key = 'migrations'"))
                version = found.fetchone()[0]
            if file is not None:
                self._check = presence(file)
            self._check()
        if str(version) != str(SCHEMA_VERSION):
            reason = f"the tables in {settings.database} are of version {version}"
            raise ComponentError(f"{reason}, this sidecar knows version {SCHEMA_VERSION}")

    def _get(self, keys: list[str], now: datetime) -> dict[str, Found]:
        found: dict[str, Found] = {}
        with _translated("cannot read"):
            for start in range(0, len(keys), KEYS_IN_ONE_SELECT):
                part = keys[start : start + KEYS_IN_ONE_SELECT]
                names = {f"k{index}": key for index, key in enumerate(part)}
                places = ", ".join(f":{name}" for name in names)
                sql = self._sql(
                    "SELECT key, value, is_binary, etag, expiration_time FROM {state} "
                    f"WHERE key IN ({places}) AND {LIVE}"
                )
                rows = self._open_connection().execute(sql, names | {"now": stamp(now)})
                found.update((row[0], found_in(*row[1:])) for row in rows)
        return found

    def _keys(self, prefix: str, limit: int, now: datetime) -> list[str]:
        sql = self._sql(
            f"SELECT key FROM {{state}} WHERE substr(key, 1, length(:prefix)) = :prefix AND {LIVE} "
            "ORDER BY key LIMIT :limit"
        )
        wanted = {"prefix": prefix, "limit": limit, "now": stamp(now)}
        with _translated("cannot list the keys"):
            return [row[0] for row in self._open_connection().execute(sql, wanted)]

    def _write(self, statements: Sequence[Statement]) -> None:
        connection = self._open_connection()
        self._check()
        with _translated("cannot write"), _transaction(connection):
            for statement in statements:
                changed = connection.execute(self._sql(statement.sql), statement.parameters).rowcount
                if not changed and not statement.may_miss:
                    raise etag_mismatch()
        self._check()
        self._clean(connection)

    def _clean(self, connection: sqlite3.Connection) -> None:
        """Delete what has expired, every `cleanup_interval` at the earliest."""
        now, interval = self._now(), self._settings.cleanup_interval
        if interval <= 0 or (self._cleaned and (now - self._cleaned).total_seconds() < interval):
            return
        with _translated("cannot clean up"):
            connection.execute(self._sql(f"DELETE FROM {{state}} WHERE NOT {LIVE}"), {"now": stamp(now)})
        self._cleaned = now

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ComponentError("the state store is closed")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_there() -> None:
    """A database in memory cannot be removed."""


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting."""
    _settings(properties, context)


def _settings(properties: Properties, context: ComponentContext) -> SqliteSettings:
    settings = SqliteSettings(
        database=located(properties.required("connectionString", "url").strip(), context.directory),
        state_table=_table(properties, "tableName", "state"),
        metadata_table=_table(properties, "metadataTableName", "metadata"),
        timeout=properties.seconds("timeout", "timeoutInSeconds", default=20.0),
        busy_timeout=properties.seconds("busyTimeout", default=2.0),
        wal=not properties.boolean("disableWAL"),
        cleanup_interval=properties.seconds("cleanupInterval", "cleanupIntervalInSeconds", default=0.0),
    )
    if settings.timeout < 1:
        raise properties.failure("`timeout` must be at least 1 s", "Raise it.", "timeout", "timeoutInSeconds")
    return settings


async def create(properties: Properties, context: ComponentContext) -> SqliteState:
    """Raises ComponentInitFailed for a wrong setting, ComponentError where the file cannot be used."""
    store = SqliteState(_settings(properties, context), context.clock, context.new_id)
    await store.open()
    return store


def _table(properties: Properties, name: str, default: str) -> str:
    table = properties.string(name, default=default)
    if not IDENTIFIER.match(table):
        raise properties.failure(f"`{name}` is not a table name", "Use letters, digits and `_`.", name)
    return table


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ComponentError(f"{doing}: {error}") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
