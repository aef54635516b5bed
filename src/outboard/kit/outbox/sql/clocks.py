"""The time by the database's clock: those of several machines need not agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, text

from outboard.clock import Clock, SystemClock

__all__ = ["database_clock", "database_now"]

NOW: Final = {
    "sqlite": text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"),
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"),
}


def database_now(connection: Connection) -> int:
    """In milliseconds since 1970."""
    return int(connection.execute(NOW[connection.dialect.name]).scalar_one())


def database_clock(clock: Clock) -> Callable[[Connection], int]:
    """As `database_now`, unless another clock stands in for `clock`: then that one's time."""

    def now(connection: Connection) -> int:
        stand_in = clock.stand_in if isinstance(clock, SystemClock) else None
        return database_now(connection) if stand_in is None else int(stand_in.now().timestamp() * 1000)

    return now
