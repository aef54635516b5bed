"""An outbox looked into from outside its app: read only, by the URL of its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.exc import SQLAlchemyError

from outboard.errors import OutboxUnavailable
from outboard.kit.outbox.port import Depth, ParkedEvent
from outboard.kit.outbox.sql.engine import LazyEngine, reason_of
from outboard.kit.outbox.sql.opening import opened_engine
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.outbox.sql.tables import Tables

__all__ = ["OutboxLook", "look_into", "outbox_tables"]

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
    found = []
    try:
        async with opened_engine(url) as engine:
            reading = LazyEngine(engine)
            for name in await reading.run(LOOK, outbox_tables, read_only=True):
                store = SqlOutboxStore(Tables.in_metadata(MetaData(), name.removesuffix(NAME)), reading)
                found.append(OutboxLook(name, await store.depth(), await store.parked(most)))
    except (SQLAlchemyError, ImportError) as error:
        raise OutboxUnavailable(LOOK, reason_of(error, NAME)) from error
    if not found:
        raise OutboxUnavailable(LOOK, "there is none: no table has its columns")
    return found


def outbox_tables(connection: Connection) -> list[str]:
    """The names of the tables of events."""
    looked = inspect(connection)
    return [
        name
        for name in sorted(looked.get_table_names())
        if name.endswith(NAME) and {column["name"] for column in looked.get_columns(name)} >= OURS
    ]
