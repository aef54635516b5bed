"""The database of an app, opened from outside of it: by its URL, as SQLAlchemy has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sqlalchemy import URL, create_engine
from sqlalchemy.engine import make_url

from outboard.kit.outbox.sql.durability import make_durable

if TYPE_CHECKING:
    from outboard.kit.outbox.sql.engine import AnyEngine

__all__ = ["engine_at", "opened_engine"]

ASYNC: Final = frozenset({"aiosqlite", "asyncpg", "psycopg_async"})
READ_ONLY: Final = {"postgresql_readonly": True}


@asynccontextmanager
async def opened_engine(url: str, *, writes: bool = False) -> AsyncIterator[AnyEngine]:
    """An engine for the block, as `engine_at` gives it."""
    engine = engine_at(url, writes=writes)
    try:
        yield engine
    finally:
        disposed = engine.dispose()
        if disposed is not None:
            await disposed


def engine_at(url: str, *, writes: bool = False) -> AnyEngine:
    """Read only unless it `writes`; no file is made. Raises SQLAlchemyError, ImportError."""
    parsed = make_url(url)
    options = {} if writes else READ_ONLY
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(_file(parsed, writes=writes))
        if writes:
            make_durable(engine)
        return engine
    if parsed.get_driver_name() in ASYNC:
        from sqlalchemy.ext.asyncio import create_async_engine

        return create_async_engine(parsed, execution_options=options)
    return create_engine(parsed, execution_options=options)


def _file(parsed: URL, *, writes: bool) -> URL:
    file = f"file:{quote(parsed.database or '')}"
    return URL.create("sqlite", database=file, query={"mode": "rw" if writes else "ro", "uri": "true"})
