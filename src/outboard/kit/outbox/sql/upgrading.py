"""Tables that an earlier version made, brought to what they are now.

They once let an event's id wait only once for each topic. Whether a second one failed then depended on how
fast the relay was: the transaction of whoever staged it, or nothing. Now each is published, as two calls of
`publish` with one id are; a consumer knows by the id.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from sqlalchemy import Connection, Table, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, DropIndex

from outboard.kit.outbox.sql.tables import Tables

__all__ = ["is_outdated", "upgrade", "upgrade_after_create", "warn_if_outdated"]

log: Final = logging.getLogger("outboard.outbox")

WARNING: Final = (
    "table '%s' still has the constraint '%s' of an earlier version: while an event waits there, a "
    "transaction that stages another one of its id for the same topic fails. Drop it: with "
    "`outbox.create_tables(engine)`, called with the rights of the table's owner, or with a migration"
)


def upgrade_after_create(tables: Tables) -> None:
    """Upgrade whenever all tables of their metadata are made, where they are missing."""

    def upgrade_these(_: object, connection: object, **__: Any) -> None:
        if isinstance(connection, Connection):  # else the statements are only written down
            upgrade(connection, tables)

    event.listen(tables.outbox.metadata, "after_create", upgrade_these)


def upgrade(connection: Connection, tables: Tables) -> None:
    """Bring the table of events up to date. Where that is forbidden, a warning says what is to be done."""
    table = tables.outbox
    if not is_outdated(connection, table):
        return
    if connection.dialect.name == "sqlite":
        _make_anew(connection, table)
        return
    try:
        with connection.begin_nested():  # what fails here undoes nothing else
            _alter(connection, table)
    except DBAPIError as error:
        log.warning(f"{WARNING} (%s)", table.fullname, _constraint(table), type(error.orig).__name__)


def warn_if_outdated(connection: Connection, table: Table) -> None:
    """Log what is to be done."""
    if is_outdated(connection, table):
        log.warning(WARNING, table.fullname, _constraint(table))


def is_outdated(connection: Connection, table: Table) -> bool:
    """Whether the database has `table` as an earlier version made it."""
    found = inspect(connection)
    if connection.dialect.name not in ("sqlite", "postgresql") or not found.has_table(
        table.name, schema=table.schema
    ):
        return False
    constraints = found.get_unique_constraints(table.name, schema=table.schema)
    return any(each["name"] == _constraint(table) for each in constraints)


def _constraint(table: Table) -> str:
    return f"uq_{table.name}_event"


def _alter(connection: Connection, table: Table) -> None:
    """The indexes, too, may be those of an even earlier version."""
    names = connection.dialect.identifier_preparer
    dropped = f"DROP CONSTRAINT IF EXISTS {names.quote(_constraint(table))}"
    connection.execute(text(f"ALTER TABLE {names.format_table(table)} {dropped}"))
    schema = f"{names.quote_schema(table.schema)}." if table.schema else ""
    connection.execute(text(f"DROP INDEX IF EXISTS {schema}{names.quote(f'ix_{table.name}_lane')}"))
    for index in table.indexes:
        connection.execute(CreateIndex(index, if_not_exists=True))


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
    connection.execute(text(f"ALTER TABLE {new} RENAME TO {old}"))
    for index in table.indexes:
        connection.execute(DropIndex(index, if_exists=True))
    table.create(connection, checkfirst=False)
    columns = ", ".join(names.quote(column.name) for column in table.columns)
    connection.execute(text(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {schema}{old}"))
    numbers, last = f"{schema}sqlite_sequence", {"new": table.name, "old": f"{table.name}_before"}
    connection.execute(text(f"DELETE FROM {numbers} WHERE name = :new"), last)
    connection.execute(
        text(f"INSERT INTO {numbers} (name, seq) SELECT :new, seq FROM {numbers} WHERE name = :old"), last
    )
    connection.execute(text(f"DROP TABLE {schema}{old}"))
