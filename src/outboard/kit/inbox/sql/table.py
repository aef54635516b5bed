"""The table of an inbox, and what is asked of it.

A row is one event for one consumer:

    applied_at  attempts  the event
    set         any       was applied, in the transaction that set it
    NULL        1 or more has failed so often, and is to come again

The attempts of an event that is replayed are counted in a row of their own, which is never applied.

Times are whole milliseconds since 1970, in UTC. An index can not hold any length of id, and a text of
PostgreSQL not any character: so an event is known by a digest of its source and id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outboard.kit.inbox.port import EventName

__all__ = ["TableMetadata", "claim", "count_failure", "expire", "inbox_table", "release"]

TableMetadata: TypeAlias = MetaData
"""Where the table is declared."""
KEPT_OF_TEXT: Final = 1_024
EXPIRED_AT_ONCE: Final = 1_000


def inbox_table(metadata: MetaData, name: str, schema: str | None = None) -> Table:
    """Declare it in `metadata`; `schema` is that of `metadata` if None."""
    table = Table(
        name,
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("event", String(64), primary_key=True),
        Column("source", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("seen_at", BigInteger, nullable=False),
        Column("applied_at", BigInteger),
        schema=schema,
    )
    Index(f"ix_{name}_seen", table.c.seen_at)
    return table


def claim(session: Session, table: Table, consumer: str, events: Sequence[EventName], now: int) -> list[bool]:
    """Of each event whether this transaction is the one that applies it; of one that comes twice, the first.

    Where another transaction has claimed one and not ended, PostgreSQL waits for it.
    """
    rows = _rows(consumer, events, now, attempts=0, applied_at=now, name=_digest)
    statement = _insert(session, table).values(rows)
    claimed = session.execute(
        statement.on_conflict_do_update(
            index_elements=["consumer", "event"],
            set_={"applied_at": now, "seen_at": now},
            where=table.c.applied_at.is_(None),
        ).returning(table.c.event)
    )
    left = set(claimed.scalars())
    found: list[bool] = []
    for event in map(_digest, events):
        found.append(event in left)
        left.discard(event)
    return found


def release(session: Session, table: Table, consumer: str, events: Collection[EventName]) -> None:
    """Let events that were claimed come again."""
    session.execute(
        update(table)
        .where(table.c.consumer == consumer, table.c.event.in_(map(_digest, events)))
        .values(applied_at=None)
    )


def count_failure(
    session: Session, table: Table, consumer: str, events: Sequence[EventName], now: int
) -> int:
    """Count one more attempt of each event that is not applied; the most that one of them has had."""
    rows = _rows(consumer, events, now, attempts=1, applied_at=None, name=_attempt)
    statement = _insert(session, table).values(rows)
    counted = session.execute(
        statement.on_conflict_do_update(
            index_elements=["consumer", "event"],
            set_={"attempts": table.c.attempts + 1, "seen_at": now},
            where=table.c.applied_at.is_(None),
        ).returning(table.c.attempts)
    )
    return max(counted.scalars(), default=0)


def expire(session: Session, table: Table, before: int) -> bool:
    """Delete rows that were last seen before `before`, 1,000 at most; whether there may be more."""
    old = select(table.c.consumer, table.c.event).where(table.c.seen_at < before).limit(EXPIRED_AT_ONCE)
    rows = session.execute(old).all()
    for consumer in {row.consumer for row in rows}:
        events = [row.event for row in rows if row.consumer == consumer]
        session.execute(delete(table).where(table.c.consumer == consumer, table.c.event.in_(events)))
    return len(rows) == EXPIRED_AT_ONCE


def _rows(
    consumer: str,
    events: Sequence[EventName],
    now: int,
    *,
    attempts: int,
    applied_at: int | None,
    name: Callable[[EventName], str],
) -> list[dict[str, object]]:
    """Each event once; in one order, so that two transactions do not wait for each other."""
    by_digest = {name(event): event for event in events}
    return [
        {
            "consumer": consumer,
            "event": digest,
            "source": _readable(event.source),
            "event_id": _readable(event.id),
            "attempts": attempts,
            "seen_at": now,
            "applied_at": applied_at,
        }
        for digest, event in sorted(by_digest.items())
    ]


def _insert(session: Session, table: Table) -> Any:
    dialect = session.get_bind().dialect.name
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def _digest(event: EventName) -> str:
    return _hashed(f"{len(event.source)}:{event.source}{event.id}")


def _attempt(event: EventName) -> str:
    """By which the attempts of an event are counted."""
    if not event.replay:
        return _digest(event)
    return _hashed(f"{len(event.source)}:{event.source}{len(event.id)}:{event.id}{event.replay}")


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _readable(text: str) -> str:
    """For a person: what a column can hold of it."""
    return text[:KEPT_OF_TEXT].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
