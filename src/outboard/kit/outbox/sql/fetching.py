"""Which stored events may be published now, as one query that reads little more than it answers.

A queue is empty when statistics of it are gathered, and long when they would matter. So nothing here may
depend on them: events are read in order of sequence until there are enough, and what keeps a lane back is
looked up in the index of the few rows that can.

A relay asks at each poll, and to put a statement together takes longer than to run it. So each is put
together once for every form of a request, and gets its values at each execution.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Text,
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

__all__ = [
    "NOW", "PARTITIONS", "Form", "Statements", "due_events", "has_expired", "left_out", "use_indexes",
    "values_of",
]  # fmt: skip

T = TypeVar("T")

# For what is left of the transaction. Each of these plans reads the whole backlog to answer its first rows.
WITHOUT_READING_ALL: Final = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true),"
    " set_config('enable_mergejoin', 'off', true)"
)


NOW: Final = bindparam("now", type_=BigInteger)
"""In milliseconds since 1970."""
AFTER_NOW: Final = bindparam("after_now", type_=BigInteger)
LATEST: Final = bindparam("latest", type_=BigInteger)
LIMIT: Final = bindparam("limit", type_=BigInteger)
PARTITIONS: Final[BindParameter[Any]] = bindparam("partitions", expanding=True)
PUBSUBS: Final[BindParameter[Any]] = bindparam("pubsubs", expanding=True)


@dataclass(frozen=True, slots=True)
class Form:
    """What of a request is in the text of a statement: the dialect, and whether it leaves out such."""

    dialect: str
    lanes: bool
    held: bool
    pubsubs: bool


class Statements(Generic[T]):
    """Of one kind about `outbox`, each made by `make` when its form is asked for first."""

    def __init__(self, outbox: FromClause, make: Callable[[FromClause, Form], T]) -> None:
        self._outbox = outbox
        self._make = make
        self._made: dict[Form, T] = {}

    def of(self, wanted: FetchRequest, dialect: str) -> T:
        """The one for the form of `wanted`."""
        form = Form(dialect, bool(wanted.lanes), bool(wanted.held), bool(wanted.pubsubs))
        made = self._made.get(form)
        if made is None:
            made = self._made[form] = self._make(self._outbox, form)
        return made


def values_of(
    wanted: FetchRequest, partitions: Collection[int], now: int, dialect: str
) -> Mapping[str, object]:
    """Of all parameters of the statements for `wanted`, in its form."""
    # What is put off for longer than any was, was put off before the clock went back.
    latest = now + round(LONGEST_SECONDS * 1000)
    values: dict[str, object] = {
        "now": now, "after_now": now + 1, "latest": latest, "limit": wanted.limit, "partitions": [*partitions]
    }  # fmt: skip
    for name, numbers in (("lanes", wanted.lanes), ("held", wanted.held)):
        if numbers:
            values[name] = json.dumps([*numbers]) if dialect == "sqlite" else [*numbers]
    if wanted.pubsubs:
        values["pubsubs"] = [*wanted.pubsubs]
    return values


def use_indexes(connection: Connection) -> None:
    """Keep PostgreSQL from plans that are better only where its statistics are true. SQLite has none here."""
    if connection.dialect.name == "postgresql":
        connection.execute(WITHOUT_READING_ALL)


def due_events(outbox: FromClause, form: Form) -> Select[int, int, int, str, str, str, bytes, str, int, int]:
    """What a request asks for of some partitions, in order of sequence."""
    row, earlier = outbox, outbox.alias("earlier")
    put_off = and_(earlier.c.parked_at.is_(None), earlier.c.available_at.between(AFTER_NOW, LATEST))
    holding = and_(earlier.c.parked_at.is_not(None), earlier.c.hold)
    due = and_(earlier.c.parked_at.is_(None), earlier.c.due_at.between(1, NOW))  # and has no place yet
    behind = select(earlier.c.sequence).where(
        earlier.c.lane == row.c.lane,
        earlier.c.sequence < row.c.sequence,
        may_block(earlier),
        or_(put_off, holding, and_(due, not_(has_expired(earlier)))),
    )
    query = (
        select(row.c.sequence, row.c.lane, row.c.partition, row.c.event_id, row.c.pubsub, row.c.topic,
               row.c.body, row.c.details, row.c.expires_at, row.c.attempts)
        .where(is_ready(row), not_(row.c.available_at.between(AFTER_NOW, LATEST)), not_(has_expired(row)))
        .where(row.c.partition.in_(PARTITIONS), not_(behind.exists()))
        .order_by(row.c.sequence)
        .limit(LIMIT)
    )  # fmt: skip
    if form.lanes:
        query = query.where(row.c.lane.not_in(_rows("lanes", form.dialect)))
    return query.where(*left_out(row, form))


def left_out(outbox: FromClause, form: Form, *, of_pubsubs: bool = True) -> Sequence[ColumnElement[bool]]:
    """What a row has to be so that a request does not leave it out, whatever its lane is."""
    conditions: list[ColumnElement[bool]] = []
    if form.held:
        conditions.append(outbox.c.sequence.not_in(_rows("held", form.dialect)))
    if form.pubsubs and of_pubsubs:
        conditions.append(outbox.c.pubsub.not_in(PUBSUBS))
    return conditions


def has_expired(outbox: FromClause) -> ColumnElement[bool]:
    """Of a row that is not to be sent any more."""
    return and_(outbox.c.expires_at.is_not(None), outbox.c.expires_at <= NOW)


def _rows(name: str, dialect: str) -> Select[int]:
    """A row for each number: in the one parameter `name`, since a thousand take longer to be handed over than
    to be used.
    """
    if dialect == "sqlite":
        listed = func.json_each(bindparam(name, type_=Text)).table_valued("value")
        return select(listed.c.value)
    array = bindparam(name, type_=ARRAY(BigInteger))
    return select(func.unnest(array).column_valued("number"))
