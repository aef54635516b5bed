"""What the time that has passed does to stored events: some are due, some have expired."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, Table, delete, func, select, union_all, update

from outboard.kit.outbox.port import ExpiredEvent, FetchRequest, Sweep
from outboard.kit.outbox.sql.fetching import has_expired, left_out
from outboard.kit.outbox.sql.tables import is_delayed

__all__ = ["next_change", "swept"]

AT_ONCE: Final = 1_000
"""Most rows that are changed in one transaction."""


def next_change(
    connection: Connection, outbox: Table, own: Collection[int], wanted: FetchRequest
) -> int | None:
    """When there is something to be swept of the partitions `own`, in milliseconds since 1970."""
    row, dialect = outbox.c, connection.dialect.name
    due = select(func.min(row.due_at)).where(
        is_delayed(outbox), row.partition.in_(own), *left_out(outbox, wanted, dialect)
    )
    expiring = select(func.min(row.expires_at)).where(
        row.expires_at.is_not(None),
        row.parked_at.is_(None),
        row.partition.in_(own),
        *left_out(outbox, wanted, dialect, of_pubsubs=False),
    )
    times = [each for each in connection.scalars(union_all(due, expiring)) if each is not None]
    return min(times, default=None)


def swept(
    connection: Connection, outbox: Table, own: Collection[int], wanted: FetchRequest, now: int
) -> Sweep:
    """Do it. What somebody has locked is left for the next time: they stage or cancel by its dedupe key."""
    row, dialect = outbox.c, connection.dialect.name
    gone = (
        select(row.sequence, row.event_id, row.pubsub, row.topic, row.key)
        .where(has_expired(outbox, now), row.parked_at.is_(None), row.partition.in_(own))
        .where(*left_out(outbox, wanted, dialect, of_pubsubs=False))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = connection.execute(gone).all()
    if found:
        connection.execute(delete(outbox).where(row.sequence.in_([each.sequence for each in found])))
    due = (
        select(row.sequence)
        .where(is_delayed(outbox), row.due_at <= now, row.partition.in_(own))
        .where(*left_out(outbox, wanted, dialect))
        .order_by(row.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    numbers = list(connection.scalars(due))
    if numbers:
        placed = update(outbox).where(row.sequence.in_(numbers))
        connection.execute(placed.values(due_at=-row.due_at, dedupe_key=None))
    following = next_change(connection, outbox, own, wanted)
    expired = [ExpiredEvent(each.event_id, each.pubsub, each.topic, each.key) for each in found]
    return Sweep(len(numbers), expired, None if following is None else (following - now) / 1000)
