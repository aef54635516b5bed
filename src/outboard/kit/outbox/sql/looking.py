"""An outbox looked into from outside its app: read only, by the URL of its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, Connection, MetaData, create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from outboard.errors import OutboxUnavailable
from outboard.kit.outbox.port import Depth, ParkedEvent
from outboard.kit.outbox.sql.engine import LazyEngine, reason_of
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.outbox.sql.tables import Tables

if TYPE_CHECKING:
    from outboard.kit.outbox.sql.engine import AnyEngine

__all__ = ["OutboxLook", "look_into"]

LOOK: Final = "look into the outbox"
NAME: Final = "outbox"
OURS: Final = frozenset({"event_id", "staged_at", "parked_at"})
ASYNC: Final = frozenset({"aiosqlite", "asyncpg", "psycopg_async"})


class OutboxLook(NamedTuple):
    """What one outbox of the database holds; `parked` are the oldest of those that are parked."""

    table: str
    depth: Depth
    parked: Sequence[ParkedEvent]


async def look_into(url: str, most: int) -> list[OutboxLook]:
    """The outboxes of the database at `url`, one of SQLAlchemy, with up to `most` parked events of each.

    Nothing is written, and no file is made. Raises OutboxUnavailable.
    """
    engine = _engine(url)
    try:
        reading = LazyEngine(engine)
        names = await reading.run(LOOK, _tables, read_only=True)
        found = []
        for name in names:
            store = SqlOutboxStore(Tables.in_metadata(MetaData(), name.removesuffix(NAME)), reading)
            found.append(OutboxLook(name, await store.depth(), await store.parked(most)))
    finally:
        disposed = engine.dispose()
        if disposed is not None:
            await disposed
    if not found:
        raise OutboxUnavailable(LOOK, "there is none: no table has its columns")
    return found


def _engine(url: str) -> AnyEngine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return create_engine(_read_only_file(parsed))
        if parsed.get_driver_name() in ASYNC:
            from sqlalchemy.ext.asyncio import create_async_engine

            return create_async_engine(parsed, execution_options={"postgresql_readonly": True})
        return create_engine(parsed, execution_options={"postgresql_readonly": True})
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        raise OutboxUnavailable(LOOK, reason_of(error, NAME)) from error


def _read_only_file(parsed: URL) -> URL:
    file = f"file:{quote(parsed.database or '')}"
    return URL.create("sqlite", database=file, query={"mode": "ro", "uri": "true"})


def _tables(connection: Connection) -> list[str]:
    looked = inspect(connection)
    return [
        name
        for name in sorted(looked.get_table_names())
        if name.endswith(NAME) and {column["name"] for column in looked.get_columns(name)} >= OURS
    ]
