"""The outbox's tables as the relay uses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from outboard.kit.client.port import Publication
from outboard.kit.outbox.lease import is_abandoned
from outboard.kit.outbox.partitions import lane_of, partition_of
from outboard.kit.outbox.port import Depth, FetchRequest, ParkedEvent, Settlement, Share, StoredEvent, Sweep
from outboard.kit.outbox.sql.clocks import database_now
from outboard.kit.outbox.sql.durability import check_dialect, check_sqlite, check_synchronous_commit
from outboard.kit.outbox.sql.engine import LazyEngine
from outboard.kit.outbox.sql.fetching import NOW, Statements, due_events, use_indexes, values_of
from outboard.kit.outbox.sql.leasing import Leasing
from outboard.kit.outbox.sql.sweeping import Sweeping
from outboard.kit.outbox.sql.tables import ARCHIVED, Tables, is_delayed, is_ready, may_block, waits_since
from outboard.kit.outbox.sql.upgrading import warn_if_outdated

__all__ = ["SqlOutboxStore"]

T = TypeVar("T")

AT_ONCE: Final = 1_000
"""Most rows that one statement changes."""


class SqlOutboxStore:
    """An `OutboxStore` on SQLite or PostgreSQL.

    `now` reads the clock once for each transaction: within one, a row is either due or it is not.
    `is_abandoned` says of a token whether its relay is certainly gone.
    """

    def __init__(
        self,
        tables: Tables,
        engine: LazyEngine,
        now: Callable[[Connection], int] = database_now,
        is_abandoned: Callable[[str], bool] = is_abandoned,
    ) -> None:
        self._outbox = tables.outbox
        self._leasing = Leasing(tables, is_abandoned)
        self._due = Statements(tables.outbox, due_events)
        self._sweeping = Sweeping(tables.outbox)
        row, error = tables.outbox.c, bindparam("error", type_=Text)
        self._delete = delete(tables.outbox).where(row.sequence.in_(bindparam("numbers", expanding=True)))
        fenced = (
            update(tables.outbox)
            .where(row.sequence == bindparam("number"), row.parked_at.is_(None))
            .where(row.partition.in_(self._leasing.own()))
        )
        self._put_off = fenced.values(
            attempts=row.attempts + 1, available_at=bindparam("until"), last_error=error
        )
        # A refusal that is older than an operator's retry, and written down late or twice, parks nothing.
        unchanged = fenced.where(row.attempts == bindparam("known"))
        self._park = unchanged.values(parked_at=NOW, attempts=row.attempts + 1, last_error=error)
        self._archive = tables.archive
        self._run = engine.run
        self._now = now

    async def prepare(self) -> None:
        """As `OutboxStore.prepare`."""
        await self._run("prepare its leases", self._prepare)

    async def claim(self, token: str, seconds: float) -> frozenset[int]:
        """As `OutboxStore.claim`."""
        return await self._run("lease partitions", partial(self._claim, token, seconds))

    async def share(self, token: str, seconds: float) -> Share:
        """As `OutboxStore.share`."""
        return await self._run("look at leases", partial(self._share, token, seconds), read_only=True)

    async def release(self, token: str, partitions: Collection[int] | None = None) -> None:
        """As `OutboxStore.release`."""
        await self._run("give partitions back", partial(self._release, token, partitions))

    async def fetch(self, token: str, wanted: FetchRequest) -> Sequence[StoredEvent]:
        """As `OutboxStore.fetch`."""
        return await self._run("read events", partial(self._fetch, token, wanted), read_only=True)

    async def sweep(self, token: str, wanted: FetchRequest) -> Sweep:
        """As `OutboxStore.sweep`. Where it is not time for anything, nothing is written."""
        look = partial(self._next_change, token, wanted)
        next_in = await self._run("look at what waits for a time", look, read_only=True)
        if next_in is None or next_in > 0:
            return Sweep(next_in=next_in)
        return await self._run("take what is due", partial(self._sweep, token, wanted))

    async def settle(self, token: str, settlement: Settlement) -> None:
        """As `OutboxStore.settle`."""
        await self._run("settle events", partial(self._settle, token, settlement))

    async def parked(self, limit: int) -> Sequence[ParkedEvent]:
        """As `OutboxStore.parked`."""
        return await self._run("list parked events", partial(self._parked, limit), read_only=True)

    async def retry(self, sequences: Sequence[int]) -> int:
        """As `OutboxStore.retry`."""
        return await self._run("retry parked events", partial(self._retry, sequences))

    async def revise(self, sequence: int, topic: str, body: bytes) -> bool:
        """As `OutboxStore.revise`."""
        return await self._run("revise a parked event", partial(self._revise, sequence, topic, body))

    async def drop(self, sequences: Sequence[int]) -> int:
        """As `OutboxStore.drop`."""
        return await self._run("drop parked events", partial(self._drop, sequences))

    async def waiting(self) -> int:
        """As `OutboxStore.waiting`."""
        return await self._run("count events", self._waiting, read_only=True)

    async def depth(self) -> Depth:
        """As `OutboxStore.depth`."""
        return await self._run("measure its depth", self._depth, read_only=True)

    async def clear_archive(self, seconds: float) -> int:
        """As `OutboxStore.clear_archive`."""
        return await self._run("clear its archive", partial(self._clear_archive, seconds))

    async def held_lanes(self) -> int:
        """As `OutboxStore.held_lanes`."""
        return await self._run("count lanes that wait", self._held_lanes, read_only=True)

    async def leases(self) -> Mapping[str, int]:
        """As `OutboxStore.leases`."""
        return await self._run("read leases", self._leases, read_only=True)

    def _prepare(self, connection: Connection) -> None:
        check_dialect(connection.dialect.name)
        if connection.dialect.name == "sqlite":
            check_sqlite(connection)
        else:
            check_synchronous_commit(str(connection.execute(text("SHOW synchronous_commit")).scalar_one()))
        warn_if_outdated(connection, self._outbox)
        self._leasing.prepare(connection)

    def _claim(self, token: str, seconds: float, connection: Connection) -> frozenset[int]:
        return self._leasing.claim(connection, token, seconds, self._now(connection))

    def _share(self, token: str, seconds: float, connection: Connection) -> Share:
        return self._leasing.share(connection, token, seconds, self._now(connection))

    def _release(self, token: str, partitions: Collection[int] | None, connection: Connection) -> None:
        self._leasing.release(connection, token, partitions)

    def _own(self, token: str, wanted: FetchRequest, now: int, connection: Connection) -> frozenset[int]:
        own = self._leasing.owned(connection, token, now)
        return own if wanted.partitions is None else own & wanted.partitions

    def _fetch(self, token: str, wanted: FetchRequest, connection: Connection) -> Sequence[StoredEvent]:
        now = self._now(connection)
        own = self._own(token, wanted, now, connection)
        if not own:
            return []
        use_indexes(connection)
        dialect = connection.dialect.name
        rows = connection.execute(self._due.of(wanted, dialect), values_of(wanted, own, now, dialect))
        return [_staged(found, now) for found in rows]

    def _next_change(self, token: str, wanted: FetchRequest, connection: Connection) -> float | None:
        now = self._now(connection)
        own = self._own(token, wanted, now, connection)
        return self._sweeping.next_change(connection, own, wanted, now) if own else None

    def _sweep(self, token: str, wanted: FetchRequest, connection: Connection) -> Sweep:
        now = self._now(connection)
        own = self._own(token, wanted, now, connection)
        use_indexes(connection)
        return self._sweeping.sweep(connection, own, wanted, now) if own else Sweep()

    def _settle(self, token: str, settlement: Settlement, connection: Connection) -> None:
        use_indexes(connection)
        if settlement.delivered:
            # Whoever has the lease: the broker has the event, and nobody needs to publish it again.
            if self._archive is not None:
                self._keep(self._archive, settlement.delivered, connection)
            connection.execute(self._delete, {"numbers": settlement.delivered})
        if not settlement.postponed and not settlement.refused:
            return
        now = self._now(connection)
        fence = {"by": token, "now": now}
        if settlement.postponed:
            connection.execute(self._put_off, [
                {**fence, "number": each.sequence, "error": each.error,
                 "until": now + round(each.seconds * 1000)}
                for each in settlement.postponed
            ])  # fmt: skip
        if settlement.refused:
            connection.execute(self._park, [
                {**fence, "number": item.sequence, "known": item.attempts, "error": item.error}
                for item in settlement.refused
            ])  # fmt: skip

    def _keep(self, archive: Table, delivered: Sequence[int], connection: Connection) -> None:
        """What another relay has settled meanwhile is not there any more, and in the archive already."""
        row = self._outbox.c
        published_at = literal(self._now(connection), BigInteger)
        rows = select(*(row[name] for name in ARCHIVED), published_at).where(row.sequence.in_(delivered))
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        made = dialect.insert(archive).from_select([*ARCHIVED, "published_at"], rows)
        connection.execute(made.on_conflict_do_nothing())

    def _clear_archive(self, seconds: float, connection: Connection) -> int:
        if self._archive is None:
            return 0
        row, before = self._archive.c, self._now(connection) - round(seconds * 1000)
        some = select(row.sequence).where(row.published_at < before).limit(AT_ONCE)
        numbers = list(connection.scalars(some))
        gone = delete(self._archive).where(row.sequence.in_(numbers))
        return connection.execute(gone).rowcount if numbers else 0

    def _parked(self, limit: int, connection: Connection) -> Sequence[ParkedEvent]:
        row = self._outbox
        query = select(row).where(row.c.parked_at.is_not(None)).order_by(row.c.sequence).limit(limit)
        return [_parked(found) for found in connection.execute(query)]

    def _retry(self, sequences: Sequence[int], connection: Connection) -> int:
        again = update(self._outbox).values(parked_at=None, available_at=0)
        return self._change(connection, sequences, again)

    def _revise(self, sequence: int, topic: str, body: bytes, connection: Connection) -> bool:
        row = self._outbox
        same = (row.c.sequence == sequence, row.c.parked_at.is_not(None))
        found = connection.execute(select(row.c.pubsub, row.c.key, row.c.event_id).where(*same)).first()
        if found is None:
            return False
        lane = lane_of(found.pubsub, topic, found.key, found.event_id)
        revised = {"topic": topic, "body": body, "lane": lane, "partition": partition_of(lane)}
        again = update(row).where(*same).values(**revised, parked_at=None, available_at=0)
        return connection.execute(again).rowcount > 0

    def _drop(self, sequences: Sequence[int], connection: Connection) -> int:
        return self._change(connection, sequences, delete(self._outbox))

    def _change(self, connection: Connection, sequences: Sequence[int], statement: Any) -> int:
        row, count = self._outbox, 0
        for start in range(0, len(sequences), AT_ONCE):
            some = row.c.sequence.in_(sequences[start : start + AT_ONCE])
            count += connection.execute(statement.where(row.c.parked_at.is_not(None), some)).rowcount
        return count

    def _waiting(self, connection: Connection) -> int:
        placed = self._count(connection, is_ready(self._outbox))
        return placed + self._count(connection, is_delayed(self._outbox))

    def _held_lanes(self, connection: Connection) -> int:
        row, now = self._outbox.c, self._now(connection)
        put_off = and_(row.parked_at.is_(None), row.available_at > now)
        holding = and_(row.parked_at.is_not(None), row.hold)
        query = select(func.count(row.lane.distinct())).where(may_block(self._outbox), or_(put_off, holding))
        return int(connection.execute(query).scalar_one())

    def _leases(self, connection: Connection) -> Mapping[str, int]:
        return self._leasing.all(connection, self._now(connection))

    def _depth(self, connection: Connection) -> Depth:
        """The first is found by the index of those that wait; all are counted by that of the sequence."""
        row, now = self._outbox, self._now(connection)
        stored = self._count(connection)
        ready, unplaced = self._count(connection, is_ready(row)), self._count(connection, is_delayed(row))
        delayed = self._count(connection, is_delayed(row), row.c.due_at > now)
        first = select(waits_since(row)).where(is_ready(row)).order_by(row.c.sequence).limit(1)
        due = select(func.min(row.c.due_at)).where(is_delayed(row), row.c.due_at <= now)
        times = [connection.execute(query).scalar_one_or_none() for query in (first, due)]
        age = max(((now - since) / 1000 for since in times if since is not None), default=0.0)
        waiting, parked = ready + unplaced - delayed, stored - ready - unplaced
        return Depth(max(0, waiting), max(0, parked), max(0.0, age), delayed)

    def _count(self, connection: Connection, *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(self._outbox).where(*conditions)
        return int(connection.execute(query).scalar_one())


def _staged(row: Row[*tuple[Any, ...]], now: int) -> StoredEvent:
    details = json.loads(row.details)
    publication = Publication(
        row.pubsub, row.topic, bytes(row.body), details["metadata"], details["headers"], details["traceid"]
    )
    expires_in = None if row.expires_at is None else (row.expires_at - now) / 1000
    return StoredEvent(row.sequence, row.lane, row.partition, row.event_id, publication, expires_in,
                       row.attempts)  # fmt: skip


def _parked(row: Row[*tuple[Any, ...]]) -> ParkedEvent:
    return ParkedEvent(
        row.sequence,
        row.event_id,
        row.pubsub,
        row.topic,
        row.key,
        datetime.fromtimestamp(row.staged_at / 1000, UTC),
        datetime.fromtimestamp(row.parked_at / 1000, UTC),
        row.attempts,
        row.last_error or "",
        bytes(row.body),
    )
