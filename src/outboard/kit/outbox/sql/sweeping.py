"""What the time that has passed does to stored events: some are due, some have expired."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    FromClause,
    Select,
    Table,
    bindparam,
    delete,
    func,
    select,
    union_all,
    update,
)

from outboard.kit.outbox.port import ExpiredEvent, FetchRequest, Sweep
from outboard.kit.outbox.sql.fetching import (
    NOW,
    PARTITIONS,
    Form,
    Statements,
    has_expired,
    left_out,
    values_of,
)
from outboard.kit.outbox.sql.tables import is_delayed

__all__ = ["Sweeping"]

AT_ONCE: Final = 1_000
"""Most rows that are changed in one transaction."""


class Sweeping:
    """The rows of one outbox; each call is within a transaction, of which `now` is the time."""

    def __init__(self, outbox: Table) -> None:
        row = outbox.c
        numbers: BindParameter[Any] = bindparam("numbers", expanding=True)
        self._next = Statements(outbox, _next)
        self._expired = Statements(outbox, _expired)
        self._due = Statements(outbox, _due)
        self._delete = delete(outbox).where(row.sequence.in_(numbers))
        self._place = (
            update(outbox).where(row.sequence.in_(numbers)).values(due_at=-row.due_at, dedupe_key=None)
        )

    def next_change(
        self, connection: Connection, own: Collection[int], wanted: FetchRequest, now: int
    ) -> float | None:
        """In how many seconds there is something to be swept of the partitions `own`."""
        dialect = connection.dialect.name
        found = connection.scalars(self._next.of(wanted, dialect), values_of(wanted, own, now, dialect))
        times = [each for each in found if each is not None]
        return (min(times) - now) / 1000 if times else None

    def sweep(self, connection: Connection, own: Collection[int], wanted: FetchRequest, now: int) -> Sweep:
        """Do it. What a session that stages or cancels by its dedupe key has locked is left for later."""
        dialect = connection.dialect.name
        values = values_of(wanted, own, now, dialect)
        found = connection.execute(self._expired.of(wanted, dialect), values).all()
        if found:
            connection.execute(self._delete, {"numbers": [each.sequence for each in found]})
        due = [*connection.scalars(self._due.of(wanted, dialect), values)]
        if due:
            connection.execute(self._place, {"numbers": due})
        expired = [ExpiredEvent(each.event_id, each.pubsub, each.topic, each.key) for each in found]
        return Sweep(len(due), expired, self.next_change(connection, own, wanted, now))


def _next(outbox: FromClause, form: Form) -> CompoundSelect[Any]:
    row = outbox.c
    due = select(func.min(row.due_at)).where(
        is_delayed(outbox), row.partition.in_(PARTITIONS), *left_out(outbox, form)
    )
    expiring = select(func.min(row.expires_at)).where(
        row.expires_at.is_not(None),
        row.parked_at.is_(None),
        row.partition.in_(PARTITIONS),
        *left_out(outbox, form, of_pubsubs=False),
    )
    return union_all(due, expiring)


def _expired(outbox: FromClause, form: Form) -> Select[int, str, str, str, str]:
    row = outbox.c
    return (
        select(row.sequence, row.event_id, row.pubsub, row.topic, row.key)
        .where(has_expired(outbox), row.parked_at.is_(None), row.partition.in_(PARTITIONS))
        .where(*left_out(outbox, form, of_pubsubs=False))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )


def _due(outbox: FromClause, form: Form) -> Select[int]:
    row = outbox.c
    return (
        select(row.sequence)
        .where(is_delayed(outbox), row.due_at <= NOW, row.partition.in_(PARTITIONS))
        .where(*left_out(outbox, form))
        .order_by(row.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
