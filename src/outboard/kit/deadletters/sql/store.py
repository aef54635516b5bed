"""A `LetterStore` on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from outboard.kit.deadletters.arriving import Arrival, KnownLetter, arrival_of
from outboard.kit.deadletters.port import (
    ClaimedLetter,
    Letter,
    LetterFilter,
    LetterGroup,
    LetterState,
    NewLetter,
    ReplayEnd,
)
from outboard.kit.deadletters.sql.table import chosen, letter_columns, letter_of
from outboard.kit.outbox.sql.clocks import database_now
from outboard.kit.outbox.sql.durability import check_durable
from outboard.kit.outbox.sql.engine import LazyEngine

__all__ = ["SqlLetterStore"]

CLAIM_MILLISECONDS: Final = 60_000
"""So long nobody else replays a letter that somebody began to."""
MILLISECOND: Final = timedelta(milliseconds=1)
AT_ONCE: Final = 1_000
"""Most rows that one statement changes."""


class SqlLetterStore:
    """The letters in `table`. `now` is the time by the database's clock."""

    def __init__(
        self, table: Table, engine: LazyEngine, now: Callable[[Connection], int] = database_now
    ) -> None:
        self._table = table
        self._run = engine.run
        self._now = now

    async def add(self, letters: Sequence[NewLetter]) -> int:
        """As `LetterStore.add`."""
        return await self._run("keep a letter", partial(self._add, letters))

    async def groups(self, wanted: LetterFilter, limit: int) -> Sequence[LetterGroup]:
        """As `LetterSource.groups`."""
        return await self._run("read groups", partial(self._groups, wanted, limit), read_only=True)

    async def find(self, wanted: LetterFilter, limit: int, after: str = "") -> Sequence[Letter]:
        """As `LetterSource.find`."""
        number = int(after) if after.isdecimal() else 0
        return await self._run("read letters", partial(self._find, wanted, limit, number), read_only=True)

    async def count(self, wanted: LetterFilter) -> int:
        """As `LetterSource.count`."""
        return await self._run("count letters", partial(self._count, wanted), read_only=True)

    async def body(self, id: str) -> bytes | None:
        """As `LetterSource.body`."""
        return await self._run("read a letter", partial(self._body, id), read_only=True)

    async def claim(
        self, wanted: LetterFilter, replay_id: str, limit: int, after: int
    ) -> Sequence[ClaimedLetter]:
        """As `LetterStore.claim`."""
        return await self._run("take letters", partial(self._claim, wanted, replay_id, limit, after))

    async def finish(self, replay_id: str, ends: Sequence[ReplayEnd]) -> None:
        """As `LetterStore.finish`."""
        await self._run("note what was replayed", partial(self._finish, replay_id, ends))

    async def drop(self, wanted: LetterFilter) -> int:
        """As `LetterSource.drop`."""
        dropped = 0
        while some := await self._run("drop letters", partial(self._drop, wanted)):
            dropped += some
        return dropped

    async def expire(self, keep: timedelta, waiting: timedelta | None) -> int:
        """As `LetterStore.expire`."""
        return await self._run("delete old letters", partial(self._expire, keep, waiting))

    def _add(self, letters: Sequence[NewLetter], connection: Connection) -> int:
        check_durable(connection)
        now = self._now(connection)
        return sum(self._added(letter, now, connection) for letter in letters)

    def _added(self, letter: NewLetter, now: int, connection: Connection) -> bool:
        row, columns = self._table.c, letter_columns(letter, now)
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        made = dialect.insert(self._table).values(columns).on_conflict_do_nothing().returning(row.number)
        if connection.execute(made).first() is not None:
            return True
        same = row.letter == columns["letter"]
        found = connection.execute(
            select(row.state, row.dead_at, row.replay_id).where(same).with_for_update()
        ).one()
        known = KnownLetter(LetterState(found.state), found.dead_at, found.replay_id)
        if arrival_of(known, letter) is Arrival.OLD:
            return False
        kept = {"letter", "failures", "replay_id"}
        changed = {name: value for name, value in columns.items() if name not in kept}
        connection.execute(update(self._table).where(same).values(**changed, failures=row.failures + 1))
        return True

    def _groups(self, wanted: LetterFilter, limit: int, connection: Connection) -> Sequence[LetterGroup]:
        row = self._table.c
        died = func.coalesce(row.dead_at, row.collected_at)
        same = (row.group_id, row.app_id, row.pubsub, row.topic, row.route, row.error, row.pattern)
        count = func.count().label("letters")
        query = (
            select(*same, count, func.min(died).label("first"), func.max(died).label("last"),
                   func.min(row.number).label("example"))
            .where(chosen(self._table, wanted, connection.dialect.name))
            .group_by(*same)
            .order_by(count.desc(), row.group_id)
            .limit(limit)
        )  # fmt: skip
        return [_group(found) for found in connection.execute(query)]

    def _find(self, wanted: LetterFilter, limit: int, after: int, connection: Connection) -> Sequence[Letter]:
        row = self._table.c
        columns = [column for column in row if column.name != "body"]
        condition = chosen(self._table, wanted, connection.dialect.name)
        query = select(*columns).where(condition, row.number > after).order_by(row.number).limit(limit)
        return [letter_of(found) for found in connection.execute(query)]

    def _count(self, wanted: LetterFilter, connection: Connection) -> int:
        condition = chosen(self._table, wanted, connection.dialect.name)
        query = select(func.count()).select_from(self._table).where(condition)
        return int(connection.execute(query).scalar_one())

    def _body(self, id: str, connection: Connection) -> bytes | None:
        if not id.isdecimal():
            return None
        query = select(self._table.c.body).where(self._table.c.number == int(id))
        found = connection.execute(query).scalar_one_or_none()
        return None if found is None else bytes(found)

    def _claim(
        self, wanted: LetterFilter, replay_id: str, limit: int, after: int, connection: Connection
    ) -> Sequence[ClaimedLetter]:
        row, now = self._table.c, self._now(connection)
        left = and_(row.state == LetterState.REPLAYING, row.claimed_until < now)
        again = wanted.state in (LetterState.REPLAYED, LetterState.DROPPED)
        free = row.state == wanted.state if again else or_(row.state == LetterState.WAITING, left)
        query = (
            select(row.number)
            .where(
                chosen(self._table, wanted.of_any_state(), connection.dialect.name), free, row.number > after
            )
            .order_by(row.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        numbers = list(connection.scalars(query))
        if not numbers:
            return []
        taken = (
            update(self._table)
            .where(row.number.in_(numbers), free)
            .values(
                state=LetterState.REPLAYING, replay_id=replay_id, claimed_until=now + CLAIM_MILLISECONDS,
                replay_error=None,
            )
            .returning(*row)
        )  # fmt: skip
        found = sorted(connection.execute(taken), key=lambda each: each.number)
        return [ClaimedLetter(letter_of(each), bytes(each.body)) for each in found]

    def _finish(self, replay_id: str, ends: Sequence[ReplayEnd], connection: Connection) -> None:
        row, now = self._table.c, self._now(connection)
        mine = and_(row.replay_id == replay_id, row.state == LetterState.REPLAYING)
        done = [int(end.id) for end in ends if end.error is None]
        if done:
            replayed = {"state": LetterState.REPLAYED, "settled_at": now}
            connection.execute(update(self._table).where(row.number.in_(done), mine).values(replayed))
        for end in ends:
            if end.error is not None:
                again = {"state": LetterState.WAITING, "claimed_until": 0, "replay_error": end.error}
                connection.execute(update(self._table).where(row.number == int(end.id), mine).values(again))

    def _drop(self, wanted: LetterFilter, connection: Connection) -> int:
        row = self._table.c
        waiting = row.state == LetterState.WAITING
        condition = chosen(self._table, wanted.of_any_state(), connection.dialect.name)
        some = select(row.number).where(condition, waiting).order_by(row.number).limit(AT_ONCE)
        dropped = {"state": LetterState.DROPPED, "settled_at": self._now(connection)}
        return connection.execute(
            update(self._table).where(row.number.in_(list(connection.scalars(some))), waiting).values(dropped)
        ).rowcount

    def _expire(self, keep: timedelta, waiting: timedelta | None, connection: Connection) -> int:
        row, now = self._table.c, self._now(connection)
        conditions = [row.settled_at < now - keep // MILLISECOND]
        if waiting is not None:
            old = row.collected_at < now - waiting // MILLISECOND
            conditions.append(and_(row.state == LetterState.WAITING, old))
        return sum(self._deleted(condition, connection) for condition in conditions)

    def _deleted(self, condition: ColumnElement[bool], connection: Connection) -> int:
        row = self._table.c
        numbers = list(connection.scalars(select(row.number).where(condition).limit(AT_ONCE)))
        gone = delete(self._table).where(row.number.in_(numbers), condition)
        return connection.execute(gone).rowcount if numbers else 0


def _group(found: Row[*tuple[Any, ...]]) -> LetterGroup:
    return LetterGroup(
        found.group_id,
        found.app_id,
        found.pubsub,
        found.topic,
        found.route,
        found.error,
        found.pattern,
        found.letters,
        datetime.fromtimestamp(found.first / 1000, UTC),
        datetime.fromtimestamp(found.last / 1000, UTC),
        str(found.example),
    )
