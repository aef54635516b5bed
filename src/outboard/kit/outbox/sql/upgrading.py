"""Tables that an earlier version made, brought to what they are now.

They once let an event's id wait only once for each topic. Whether a second one failed then depended on how
fast the relay was: the transaction of whoever staged it, or nothing. Now each is published, as two calls of
`publish` with one id are; a consumer knows by the id. Later they got columns for events that wait for a time.
"""

from __future__ import annotations

import logging
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex, DropIndex

from outboard.kit.outbox.sql.tables import Tables

__all__ = ["FORMER_INDEXES", "is_outdated", "upgrade", "upgrade_after_create", "warn_if_outdated"]

log: Final = logging.getLogger("outboard.outbox")

CONSTRAINT: Final = (
    "table '%s' still has the constraint '%s' of an earlier version: while an event waits there, a "
    "transaction that stages another one of its id for the same topic fails. Drop it: with "
    "`outbox.create_tables(engine)`, called with the rights of the table's owner, or with a migration"
)
COLUMNS: Final = (
    "table '%s' is one of an earlier version and lacks %s: nothing can be staged in it, and nothing "
    "published. Bring it up to date: with `outbox.create_tables(engine)`, called with the rights of the "
    "table's owner, or with a migration that runs what `outboard outbox check` shows"
)
FORMER_INDEXES: Final = ("ix_{}_lane", "ix_{}_due", "ix_{}_blocking")
"""Nothing uses them any more."""


class _Behind(NamedTuple):
    """What a table of the database has of an earlier version."""

    constraint: str
    columns: list[str]
    indexes: list[str]
    former: list[str]

    @property
    def any(self) -> bool:
        return bool(self.constraint or self.columns or self.indexes or self.former)


def upgrade_after_create(tables: Tables) -> None:
    """Upgrade whenever all tables of their metadata are made, where they are missing."""

    def upgrade_these(_: object, connection: object, **__: Any) -> None:
        if isinstance(connection, Connection):  # else the statements are only written down
            upgrade(connection, tables)

    event.listen(tables.outbox.metadata, "after_create", upgrade_these)


def upgrade(connection: Connection, tables: Tables) -> None:
    """Bring the table of events up to date. Where that is forbidden, a warning says what is to be done."""
    table = tables.outbox
    behind = _behind(connection, table)
    if not behind.any:
        return
    if connection.dialect.name == "sqlite":
        if behind.constraint:
            _make_anew(connection, table)
        else:
            _alter(connection, table, behind)
        return
    try:
        with connection.begin_nested():  # what fails here undoes nothing else
            _alter(connection, table, behind)
    except DBAPIError as error:
        _warn(table, behind, f" ({type(error.orig).__name__})")


def warn_if_outdated(connection: Connection, table: Table) -> None:
    """Log what is to be done."""
    _warn(table, _behind(connection, table), "")


def is_outdated(connection: Connection, table: Table) -> bool:
    """Whether the database has `table` with the constraint that it once had."""
    return bool(_behind(connection, table).constraint)


def _warn(table: Table, behind: _Behind, why: str) -> None:
    if behind.constraint:
        log.warning(CONSTRAINT + why, table.fullname, behind.constraint)
    if behind.columns:
        log.warning(COLUMNS + why, table.fullname, ", ".join(behind.columns))


def _behind(connection: Connection, table: Table) -> _Behind:
    found, name, schema = inspect(connection), table.name, table.schema
    if connection.dialect.name not in ("sqlite", "postgresql") or not found.has_table(name, schema=schema):
        return _Behind("", [], [], [])
    once = f"uq_{table.name}_event"
    constraints = {each["name"] for each in found.get_unique_constraints(name, schema=schema)}
    columns = {each["name"] for each in found.get_columns(name, schema=schema)}
    indexes = {each["name"] for each in found.get_indexes(name, schema=schema)}
    former = (each.format(name) for each in FORMER_INDEXES)
    return _Behind(
        once if once in constraints else "",
        [column.name for column in table.columns if column.name not in columns],
        [str(index.name) for index in table.indexes if index.name not in indexes],
        [each for each in former if each in indexes],
    )


def _alter(connection: Connection, table: Table, behind: _Behind) -> None:
    names, dialect = connection.dialect.identifier_preparer, connection.dialect
    whole = names.format_table(table)
    if behind.constraint:
        dropped = f"DROP CONSTRAINT IF EXISTS {names.quote(behind.constraint)}"
        connection.execute(text(f"ALTER TABLE {whole} {dropped}"))
    for column in (table.columns[name] for name in behind.columns):
        connection.execute(
            text(f"ALTER TABLE {whole} ADD COLUMN {CreateColumn(column).compile(dialect=dialect)}")
        )
    schema = f"{names.quote_schema(table.schema)}." if table.schema else ""
    for index in table.indexes:
        if index.name in behind.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    for former in behind.former:
        connection.execute(text(f"DROP INDEX IF EXISTS {schema}{names.quote(former)}"))


def _make_anew(connection: Connection, table: Table) -> None:
    """SQLite drops no constraint: a new table takes the rows over, and the numbers that were given.

    The order is the one of "Making Other Kinds Of Table Schema Changes" in SQLite's documentation.
    """
    names = connection.dialect.identifier_preparer
    new, old = names.format_table(table), names.quote(f"{table.name}_before")
    schema = f"{names.quote_schema(table.schema)}." if table.schema else ""
    # A change of no row takes the lock, and has drivers that begin late begin a transaction.
    connection.execute(text(f"UPDATE {new} SET attempts = attempts WHERE 1 = 0"))
    if not is_outdated(connection, table):  # somebody was first
        return
    there = {each["name"] for each in inspect(connection).get_columns(table.name, schema=table.schema)}
    connection.execute(text(f"ALTER TABLE {new} RENAME TO {old}"))
    former = [each.format(table.name) for each in FORMER_INDEXES]
    for index in table.indexes:
        connection.execute(DropIndex(index, if_exists=True))
    for name in former:
        connection.execute(text(f"DROP INDEX IF EXISTS {schema}{names.quote(name)}"))
    table.create(connection, checkfirst=False)
    columns = ", ".join(names.quote(column.name) for column in table.columns if column.name in there)
    connection.execute(text(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {schema}{old}"))
    numbers, last = f"{schema}sqlite_sequence", {"new": table.name, "old": f"{table.name}_before"}
    connection.execute(text(f"DELETE FROM {numbers} WHERE name = :new"), last)
    connection.execute(
        text(f"INSERT INTO {numbers} (name, seq) SELECT :new, seq FROM {numbers} WHERE name = :old"), last
    )
    connection.execute(text(f"DROP TABLE {schema}{old}"))
