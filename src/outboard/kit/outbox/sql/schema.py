"""The schema of an outbox: as statements, and how a database differs from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Column, Connection, Dialect, MetaData, Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from outboard.kit.outbox.sql.tables import TableMaker, Tables
from outboard.kit.outbox.sql.upgrading import is_outdated

__all__ = ["SchemaDifference", "differences", "statements"]

DIALECTS: Final = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}


class SchemaDifference(NamedTuple):
    """What is wrong with the tables in a database, and a statement that mends it; empty where none can."""

    problem: str
    statement: str


def statements(
    dialect: str,
    prefix: str,
    schema: str | None = None,
    *,
    archives: bool = False,
    others: Mapping[str, TableMaker] | None = None,
) -> list[str]:
    """Those that make the tables of an outbox, and `others` by their names, for "sqlite" or "postgresql"."""
    tables = Tables.in_metadata(MetaData(), prefix, schema, archives=archives)
    return [
        each
        for table in (*tables.all, *_declared(others, schema))
        for each in _made(table, DIALECTS[dialect]())
    ]


def differences(
    connection: Connection,
    prefix: str,
    schema: str | None = None,
    others: Mapping[str, TableMaker] | None = None,
) -> list[SchemaDifference]:
    """What has to be changed in the database; more columns and indexes than are needed do no harm.

    An archive and `others` need not be there.
    """
    tables = Tables.in_metadata(MetaData(), prefix, schema, archives=True)
    looked = inspect(connection)
    optional = [each for each in (tables.archive, *_declared(others, schema)) if each is not None]
    there = [each for each in optional if looked.has_table(each.name, schema=each.schema)]
    needed = (tables.outbox, tables.lease, tables.relay)
    found = [each for table in (*needed, *there) for each in _of_table(connection, table)]
    if is_outdated(connection, tables.outbox):
        found.append(_outdated(connection, tables.outbox))
    return found


def _declared(others: Mapping[str, TableMaker] | None, schema: str | None) -> list[Table]:
    return [make(MetaData(), name, schema) for name, make in (others or {}).items()]


def _made(table: Table, dialect: Dialect) -> Iterator[str]:
    yield _text(CreateTable(table).compile(dialect=dialect))
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield _text(CreateIndex(index).compile(dialect=dialect))


def _of_table(connection: Connection, table: Table) -> Iterator[SchemaDifference]:
    looked, dialect = inspect(connection), connection.dialect
    if not looked.has_table(table.name, schema=table.schema):
        made = ";\n".join(_made(table, dialect))
        yield SchemaDifference(f"table {table.fullname} is missing", made)
        return
    columns = {each["name"]: each for each in looked.get_columns(table.name, schema=table.schema)}
    for column in table.columns:
        known = columns.get(column.name)
        if known is None:
            yield _missing_column(table, column, dialect)
        elif (is_ := known["type"].compile(dialect)) != (wanted := column.type.compile(dialect)):
            yield SchemaDifference(f"column {table.fullname}.{column.name} is {is_}, not {wanted}", "")
        elif known["nullable"] != column.nullable and not column.primary_key:
            word = "NULL" if column.nullable else "NOT NULL"
            yield SchemaDifference(f"column {table.fullname}.{column.name} is not {word}", "")
    names = {each["name"] for each in looked.get_indexes(table.name, schema=table.schema)}
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if index.name not in names:
            statement = _text(CreateIndex(index).compile(dialect=dialect))
            yield SchemaDifference(f"index {index.name} of {table.fullname} is missing", statement)


def _missing_column(table: Table, column: Column[object], dialect: Dialect) -> SchemaDifference:
    name = dialect.identifier_preparer.format_table(table)
    statement = f"ALTER TABLE {name} ADD COLUMN {_text(CreateColumn(column).compile(dialect=dialect))}"
    return SchemaDifference(f"column {table.fullname}.{column.name} is missing", statement)


def _outdated(connection: Connection, table: Table) -> SchemaDifference:
    constraint = f"uq_{table.name}_event"
    problem = f"table {table.fullname} has the constraint {constraint} of an earlier version"
    if connection.dialect.name == "sqlite":
        return SchemaDifference(f"{problem}: outbox.create_tables(engine) makes it anew", "")
    names = connection.dialect.identifier_preparer
    dropped = f"ALTER TABLE {names.format_table(table)} DROP CONSTRAINT {names.quote(constraint)}"
    return SchemaDifference(problem, dropped)


def _text(compiled: object) -> str:
    return "\n".join(line.replace("\t", "    ").rstrip() for line in str(compiled).strip().splitlines())
