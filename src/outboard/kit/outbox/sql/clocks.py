"""The time by the database's clock: those of several machines need not agree."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

__all__ = ["database_now"]

NOW: Final = {
    "sqlite": text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"),
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"),
}


def database_now(connection: Connection) -> int:
    """In milliseconds since 1970."""
    return int(connection.execute(NOW[connection.dialect.name]).scalar_one())
