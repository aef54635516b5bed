"""daprd's SQLite file of names: sidecars of either kind announce themselves in it, and find each other.

A row is renewed as long as its sidecar lives; one that was not for `updateInterval` counts for nothing.
Source: Dapr, "SQLite" (name resolution); daprd 1.18 for the tables.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from outboard.errors import ResourceError
from outboard.resources import duration
from outboard.resources.configuration import NameResolution
from outboard.sidecar.components.sqlite.paths import located
from outboard.sidecar.components.sqlite.write_ahead import switch_to_wal
from outboard.sidecar.invocation.names.port import Announced
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.invocation.values import InvocationFailed
from outboard.sidecar.logs import SidecarLog

__all__ = ["SqliteNames", "sqlite_names"]

T = TypeVar("T")
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
NOW: Final = "CAST(strftime('%s', 'now') AS INTEGER)"
MIGRATIONS: Final = "nr-migrations"
BUSY: Final = 0.8
AT_START: Final = 5.0
"""Seconds in which sidecars that start together make the file and its tables, each in its turn."""
RENEWED_EARLY: Final = 1.0
"""Seconds before a row counts for nothing: what a renewal may take."""


@dataclass(frozen=True, slots=True)
class NameTables:
    """Where the tables are; a row counts for `update_interval` whole seconds."""

    database: str
    hosts: str = "hosts"
    metadata: str = "metadata"
    update_interval: int = 5


def sqlite_names(found: NameResolution, directory: Path, log: SidecarLog) -> SqliteNames:
    """Raises ResourceError for settings that cannot be."""
    return SqliteNames(found, _settings(found, directory), log)


class SqliteNames:
    """Names over a database of `settings`. daprd's rows say nothing of a namespace, so none is asked for."""

    def __init__(self, found: NameResolution, settings: NameTables, log: SidecarLog) -> None:
        self._found = found
        self._settings = settings
        self._log = log

    @asynccontextmanager
    async def announced(self, sidecar: Announced) -> AsyncIterator[None]:
        """Raises ResourceError where the database cannot be used."""
        row = str(uuid.uuid4())
        try:
            await self._run(lambda database: self._register(database, sidecar, row), AT_START)
        except InvocationFailed as failure:
            problem = f"`{self._settings.database}` cannot be used as a register of names: {failure}"
            raise _wrong(self._found, problem, "Name a file in a folder that is there.") from failure
        renewing = asyncio.create_task(self._renew_forever(sidecar, row))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})
            with suppress(InvocationFailed):  # it counts for nothing soon
                await self._run(lambda database: self._remove(database, row))

    async def find(self, name: AppName) -> Sequence[str]:
        age, table = self._settings.update_interval, self._settings.hosts
        query = f"SELECT address FROM {table} WHERE app_id = ? AND {NOW} - last_update < ?"

        def select(database: sqlite3.Connection) -> Sequence[str]:
            return [str(address) for (address,) in database.execute(query, (name.app_id, age))]

        return await self._run(select)

    async def _renew_forever(self, sidecar: Announced, row: str) -> None:
        while True:
            await asyncio.sleep(max(self._settings.update_interval - RENEWED_EARLY, RENEWED_EARLY))
            try:
                await self._run(lambda database: self._renew(database, sidecar, row))
            except InvocationFailed as failure:
                self._log.warning("the name of this sidecar could not be renewed: %s", failure)

    def _register(self, database: sqlite3.Connection, sidecar: Announced, row: str) -> None:
        _make_tables(database, self._settings)
        self._insert(database, sidecar, row)

    def _renew(self, database: sqlite3.Connection, sidecar: Announced, row: str) -> None:
        query = f"UPDATE {self._settings.hosts} SET last_update = {NOW} WHERE registration_id = ?"
        if not database.execute(query, (row,)).rowcount:
            self._insert(database, sidecar, row)  # this machine slept, and somebody swept

    def _insert(self, database: sqlite3.Connection, sidecar: Announced, row: str) -> None:
        table = self._settings.hosts
        columns = "registration_id, address, app_id, namespace, last_update"
        query = f"REPLACE INTO {table} ({columns}) VALUES (?, ?, ?, '', {NOW})"
        database.execute(query, (row, sidecar.address, sidecar.name.app_id))
        age = f"DELETE FROM {table} WHERE {NOW} - last_update > ?"
        database.execute(age, (self._settings.update_interval,))

    def _remove(self, database: sqlite3.Connection, row: str) -> None:
        database.execute(f"DELETE FROM {self._settings.hosts} WHERE registration_id = ?", (row,))

    async def _run(self, work: Callable[[sqlite3.Connection], T], busy: float = BUSY) -> T:
        """`work` in a thread and a transaction, for which others are waited `busy` seconds. Raises
        InvocationFailed.
        """
        database = self._settings.database

        def run() -> T:
            is_uri = database.startswith("file:")
            with closing(sqlite3.connect(database, timeout=busy, uri=is_uri)) as connection, connection:
                return work(connection)

        try:
            return await asyncio.to_thread(run)
        except sqlite3.Error as error:
            raise InvocationFailed(f"failed to look up address: {error}") from error


def _make_tables(database: sqlite3.Connection, settings: NameTables) -> None:
    """As daprd makes them, and counts what it made."""
    switch_to_wal(database, AT_START)
    database.execute("BEGIN IMMEDIATE")
    metadata, hosts = settings.metadata, settings.hosts
    database.execute(
        f"CREATE TABLE IF NOT EXISTS {metadata} (key text NOT NULL PRIMARY KEY, value text NOT NULL)"
    )
    found = database.execute(f"SELECT value FROM {metadata} WHERE key = ?", (MIGRATIONS,)).fetchone()
    if found is not None:
        return
    database.execute(
        f"CREATE TABLE {hosts} (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, "
        "app_id TEXT NOT NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL)"
    )
    database.execute(f"CREATE UNIQUE INDEX {hosts}_address_idx ON {hosts} (address)")
    database.execute(f"CREATE INDEX {hosts}_last_update_idx ON {hosts} (last_update)")
    database.execute(f"INSERT INTO {metadata} VALUES (?, '1')", (MIGRATIONS,))


def _settings(found: NameResolution, directory: Path) -> NameTables:
    given = {key.lower(): value for key, value in found.settings.items()}
    database = given.get("connectionstring") or given.get("url", "")
    if not database:
        raise _wrong(found, "`nameResolution: sqlite` has no `connectionString`", "Name a file in it.")
    default = NameTables("")
    return NameTables(
        located(database, directory),
        _identifier(found, given, "tableName", default.hosts),
        _identifier(found, given, "metadataTableName", default.metadata),
        _interval(found, given.get("updateinterval", ""), default.update_interval),
    )


def _identifier(found: NameResolution, given: Mapping[str, str], key: str, default: str) -> str:
    text = given.get(key.lower()) or default
    if not IDENTIFIER.match(text):
        raise _wrong(found, f"`{key}: {text}` is no name of a table", "Use letters, digits and `_`.")
    return text


def _interval(found: NameResolution, text: str, default: int) -> int:
    try:
        seconds = duration.parse(text) if text else float(default)
    except ValueError as error:
        raise _wrong(found, f"`updateInterval: {text}`: {error}", "Write for instance `5s`.") from error
    if seconds != int(seconds) or seconds - RENEWED_EARLY < 1:
        raise _wrong(found, f"`updateInterval: {text}` is no whole number of seconds from 2 on", "As daprd.")
    return int(seconds)


def _wrong(found: NameResolution, problem: str, advice: str) -> ResourceError:
    return ResourceError(str(found.path), found.line, problem, advice)
