"""An outbox looked into from outside its app: read only, by the URL of its database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.exc import SQLAlchemyError

from outboard.errors import OutboxUnavailable
from outboard.kit.outbox.port import Depth, ParkedEvent
from outboard.kit.outbox.sql.engine import LazyEngine, reason_of
from outboard.kit.outbox.sql.opening import opened_engine
from outboard.kit.outbox.sql.schema import SchemaDifference, differences
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.outbox.sql.tables import ARCHIVE, TableMaker, Tables

__all__ = ["OutboxLook", "compared", "has_archive", "look_into", "opened_outboxes", "outbox_tables"]

LOOK: Final = "look into the outbox"
NAME: Final = "outbox"
OURS: Final = frozenset({"event_id", "staged_at", "parked_at"})


class OutboxLook(NamedTuple):
    """What one outbox of the database holds; `parked` are the oldest of those that are parked."""

    table: str
    depth: Depth
    parked: Sequence[ParkedEvent]


async def look_into(url: str, most: int) -> list[OutboxLook]:
    """The outboxes of the database at `url`, one of SQLAlchemy, with up to `most` parked events of each.

    Nothing is written, and no file is made. Raises OutboxUnavailable.
    """
    async with opened_outboxes(url) as found:
        return [OutboxLook(name, await store.depth(), await store.parked(most)) for name, store in found]


@asynccontextmanager
async def opened_outboxes(url: str) -> AsyncIterator[list[tuple[str, SqlOutboxStore]]]:
    """Each outbox with the name of its table, to be read. Raises OutboxUnavailable where there is none."""
    async with _reading(url) as reading:
        names = await reading.run(LOOK, outbox_tables, read_only=True)
        if not names:
            raise OutboxUnavailable(LOOK, "there is none: no table has its columns")
        tables = ((name, Tables.in_metadata(MetaData(), name.removesuffix(NAME))) for name in names)
        yield [(name, SqlOutboxStore(each, reading)) for name, each in tables]


async def has_archive(url: str, prefix: str) -> bool:
    """Whether what is published is kept there. Raises OutboxUnavailable."""
    async with _reading(url) as reading:
        return await reading.run(
            LOOK, lambda connection: inspect(connection).has_table(prefix + ARCHIVE), read_only=True
        )


async def compared(
    url: str, prefix: str, others: Mapping[str, TableMaker] | None = None
) -> list[SchemaDifference]:
    """What is wrong with the tables of `prefix`, and with `others` (by their names) that are there.

    Raises OutboxUnavailable.
    """

    def compare(connection: Connection) -> list[SchemaDifference]:
        return differences(connection, prefix, others=others)

    async with _reading(url) as reading:
        return await reading.run(LOOK, compare, read_only=True)


@asynccontextmanager
async def _reading(url: str) -> AsyncIterator[LazyEngine]:
    try:
        async with opened_engine(url) as engine:
            yield LazyEngine(engine)
    except (SQLAlchemyError, ImportError) as error:
        raise OutboxUnavailable(LOOK, reason_of(error, NAME)) from error


def outbox_tables(connection: Connection) -> list[str]:
    """The names of the tables of events."""
    looked = inspect(connection)
    return [
        name
        for name in sorted(looked.get_table_names())
        if name.endswith(NAME) and {column["name"] for column in looked.get_columns(name)} >= OURS
    ]
