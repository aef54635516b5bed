"""Which stored events may be published now, as one query that reads little more than it answers.

A queue is empty when statistics of it are gathered, and long when they would matter. So nothing here may
depend on them: events are read in order of sequence until there are enough, and what keeps a lane back is
looked up in the index of the few rows that can.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import FromClause

from outboard.kit.outbox.failures import LONGEST_SECONDS
from outboard.kit.outbox.port import FetchRequest
from outboard.kit.outbox.sql.tables import is_ready, may_block

__all__ = ["due_events", "has_expired", "left_out", "use_indexes"]

# For what is left of the transaction. Each of these plans reads the whole backlog to answer its first rows.
WITHOUT_READING_ALL: Final = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true),"
    " set_config('enable_mergejoin', 'off', true)"
)


def use_indexes(connection: Connection) -> None:
    """Keep PostgreSQL from plans that are better only where its statistics are true. SQLite has none here."""
    if connection.dialect.name == "postgresql":
        connection.execute(WITHOUT_READING_ALL)


def due_events(
    outbox: FromClause, partitions: Collection[int], now: int, wanted: FetchRequest, dialect: str
) -> Select[int, int, int, str, str, str, bytes, str, int, int]:
    """What `wanted` asks for of these partitions, in order of sequence; `now`: milliseconds since 1970."""
    row, earlier = outbox, outbox.alias("earlier")
    # What is put off for longer than any was, was put off before the clock went back.
    latest = now + round(LONGEST_SECONDS * 1000)
    put_off = and_(earlier.c.parked_at.is_(None), earlier.c.available_at.between(now + 1, latest))
    holding = and_(earlier.c.parked_at.is_not(None), earlier.c.hold)
    due = and_(earlier.c.parked_at.is_(None), earlier.c.due_at.between(1, now))  # and has no place yet
    behind = select(earlier.c.sequence).where(
        earlier.c.lane == row.c.lane,
        earlier.c.sequence < row.c.sequence,
        may_block(earlier),
        or_(put_off, holding, and_(due, not_(has_expired(earlier, now)))),
    )
    query = (
        select(row.c.sequence, row.c.lane, row.c.partition, row.c.event_id, row.c.pubsub, row.c.topic,
               row.c.body, row.c.details, row.c.expires_at, row.c.attempts)
        .where(is_ready(row), not_(row.c.available_at.between(now + 1, latest)), not_(has_expired(row, now)))
        .where(row.c.partition.in_(partitions), not_(behind.exists()))
        .order_by(row.c.sequence)
        .limit(wanted.limit)
    )  # fmt: skip
    if wanted.lanes:
        query = query.where(row.c.lane.not_in(_rows(wanted.lanes, dialect)))
    return query.where(*left_out(row, wanted, dialect))


def left_out(
    outbox: FromClause, wanted: FetchRequest, dialect: str, *, of_pubsubs: bool = True
) -> Sequence[ColumnElement[bool]]:
    """What a row has to be so that `wanted` does not leave it out, whatever its lane is."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.held:
        conditions.append(outbox.c.sequence.not_in(_rows(wanted.held, dialect)))
    if wanted.pubsubs and of_pubsubs:
        conditions.append(outbox.c.pubsub.not_in(wanted.pubsubs))
    return conditions


def has_expired(outbox: FromClause, now: int) -> ColumnElement[bool]:
    """Of a row that is not to be sent any more."""
    return and_(outbox.c.expires_at.is_not(None), outbox.c.expires_at <= now)


def _rows(numbers: Collection[int], dialect: str) -> Select[int]:
    """A row for each: in one parameter, since a thousand take longer to be handed over than to be used."""
    if dialect == "sqlite":
        listed = func.json_each(json.dumps([*numbers])).table_valued("value")
        return select(listed.c.value)
    array = bindparam(None, [*numbers], type_=ARRAY(BigInteger))
    return select(func.unnest(array).column_valued("number"))
