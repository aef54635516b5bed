"""A limit to what waits: a transaction that would stage more is refused, before the disk is full.

How much waits is asked once a second at most, in the transaction of whoever stages: so a process can go
beyond the limit by what it stages within a second.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, Table, func, literal, select

from outboard.errors import OutboxFull
from outboard.kit.outbox.sql.clocks import database_now
from outboard.kit.outbox.sql.tables import is_ready, waits_since

__all__ = ["Pressure"]

SECONDS: Final = 1.0
MILLISECOND: Final = timedelta(milliseconds=1)


class Pressure:
    """Of the events in `outbox`: at most `most` may wait, and the first of them no longer than `longest`.

    `monotonic` is a clock in seconds, `now` that of the database.
    """

    def __init__(
        self,
        outbox: Table,
        most: int | None,
        longest: timedelta | None,
        monotonic: Callable[[], float],
        now: Callable[[Connection], int] = database_now,
    ) -> None:
        self._outbox = outbox
        self._most = most
        self._longest = longest
        self._monotonic = monotonic
        self._now = now
        self._asked_at = float("-inf")
        self._full: tuple[str, str] | None = None

    def check(self, connection: Connection) -> None:
        """Raises OutboxFull."""
        if self._most is None and self._longest is None:
            return
        if self._monotonic() >= self._asked_at + SECONDS:
            self._full = self._too_many(connection) or self._too_old(connection)
            self._asked_at = self._monotonic()
        if self._full is not None:
            raise OutboxFull(*self._full)

    def _too_many(self, connection: Connection) -> tuple[str, str] | None:
        if self._most is None:
            return None
        some = select(literal(1)).where(self._outbox.c.parked_at.is_(None)).limit(self._most).subquery()
        count = connection.execute(select(func.count()).select_from(some)).scalar_one()
        return (f"{self._most} events wait in it", "max_waiting") if count >= self._most else None

    def _too_old(self, connection: Connection) -> tuple[str, str] | None:
        if self._longest is None:
            return None
        outbox = self._outbox
        first = select(waits_since(outbox)).where(is_ready(outbox)).order_by(outbox.c.sequence).limit(1)
        since = connection.execute(first).scalar_one_or_none()
        if since is None or self._now(connection) - since < self._longest // MILLISECOND:
            return None
        return (f"its first event has waited for {self._longest} and more", "max_age")
