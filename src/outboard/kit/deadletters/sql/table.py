"""The table of collected letters, and the conditions by which they are chosen.

Times are whole milliseconds since 1970, in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    and_,
    false,
    func,
    literal,
    or_,
)

from outboard.kit.deadletters.arriving import letter_name
from outboard.kit.deadletters.grouping import group_id, pattern_of
from outboard.kit.deadletters.port import Letter, LetterFilter, LetterState, NewLetter

__all__ = ["OURS", "TableMetadata", "chosen", "letter_columns", "letter_of", "letters_table", "milliseconds"]

TableMetadata: TypeAlias = MetaData
"""Where the table is declared."""
OURS: Final = frozenset({"letter", "group_id", "dead_letter_topic", "replay_id"})
"""Columns by which the table is known in a database."""
KEPT_OF_TEXT: Final = 1_024


def letters_table(metadata: MetaData, name: str, schema: str | None = None) -> Table:
    """Declare it in `metadata`; `schema` is that of `metadata` if None."""
    table = Table(
        name,
        metadata,
        Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("letter", String(64), nullable=False, unique=True),
        Column("group_id", String(16), nullable=False),
        Column("state", String(16), nullable=False),
        *(Column(name, Text, nullable=False) for name in TEXTS),
        Column("attempts", Integer),
        Column("failures", Integer, nullable=False),
        Column("dead_at", BigInteger),
        Column("collected_at", BigInteger, nullable=False),
        Column("settled_at", BigInteger),
        Column("replay_id", Text, nullable=False),
        Column("claimed_until", BigInteger, nullable=False),
        Column("replay_error", Text),
        Column("is_cut", Boolean, nullable=False),
        Column("shown", Text),
        Column("body", LargeBinary, nullable=False),
        schema=schema,
        sqlite_autoincrement=True,
    )
    Index(f"ix_{name}_state", table.c.state, table.c.number)
    Index(f"ix_{name}_group", table.c.group_id)
    Index(f"ix_{name}_settled", table.c.settled_at)
    return table


TEXTS: Final = (
    "app_id", "pubsub", "topic", "route", "dead_letter_topic", "source", "event_id", "event_type", "key",
    "error", "reason", "pattern",
)  # fmt: skip


def milliseconds(time: datetime) -> int:
    """Since 1970, in UTC."""
    return int(time.timestamp() * 1000)


def letter_columns(letter: NewLetter, now: int) -> dict[str, Any]:
    """The row of a letter that has just come, at `now`."""
    pattern = pattern_of(letter.reason)
    handler = (letter.app_id, letter.pubsub, letter.topic, letter.route)
    texts = {name: _readable(getattr(letter, name)) for name in TEXTS if name != "pattern"}
    return {
        **texts,
        "letter": letter_name(letter),
        "group_id": group_id(*handler, letter.error, pattern),
        "pattern": _readable(pattern),
        "state": LetterState.WAITING,
        "attempts": letter.attempts,
        "failures": 1,
        "dead_at": None if letter.dead_at is None else milliseconds(letter.dead_at),
        "collected_at": now,
        "settled_at": None,
        "replay_id": "",
        "claimed_until": 0,
        "replay_error": None,
        "is_cut": letter.is_cut,
        "shown": None if letter.shown is None else _without_nul(letter.shown),
        "body": letter.body,
    }


def letter_of(row: Row[*tuple[Any, ...]]) -> Letter:
    """What a person sees of a row."""
    return Letter(
        id=str(row.number),
        group=row.group_id,
        state=LetterState(row.state),
        app_id=row.app_id,
        pubsub=row.pubsub,
        topic=row.topic,
        route=row.route,
        dead_letter_topic=row.dead_letter_topic,
        source=row.source,
        event_id=row.event_id,
        event_type=row.event_type,
        key=row.key,
        error=row.error,
        reason=row.reason,
        attempts=row.attempts,
        failures=row.failures,
        dead_at=_moment(row.collected_at if row.dead_at is None else row.dead_at),
        replayed_at=_moment(row.settled_at) if row.state == LetterState.REPLAYED else None,
        replay_error=row.replay_error or "",
        is_cut=row.is_cut,
        data=row.shown,
    )


def chosen(table: Table, wanted: LetterFilter, dialect: str) -> ColumnElement[bool]:
    """The condition that `wanted` is."""
    row = table.c
    conditions: list[ColumnElement[bool]] = []
    numbers = wanted.numbers
    if numbers is not None:
        conditions.append(row.number.in_(numbers) if numbers else false())
    if wanted.state is not None:
        conditions.append(row.state == wanted.state)
    if wanted.group:
        conditions.append(row.group_id == wanted.group)
    if wanted.app_id:
        conditions.append(row.app_id == wanted.app_id)
    if wanted.topic:
        conditions.append(or_(row.topic == wanted.topic, row.dead_letter_topic == wanted.topic))
    died = func.coalesce(row.dead_at, row.collected_at)
    if wanted.since is not None:
        conditions.append(died >= milliseconds(wanted.since))
    if wanted.until is not None:
        conditions.append(died < milliseconds(wanted.until))
    if wanted.reason:
        conditions.append(_has(row.reason, wanted.reason))
    if wanted.text:
        texts = (row.reason, row.error, row.source, row.event_id, row.event_type, row.key)
        conditions.append(
            or_(*(_has(column, wanted.text) for column in texts), _in_body(table, wanted.text, dialect))
        )
    return and_(literal(True), *conditions)


def _has(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.icontains(text, autoescape=True)


def _in_body(table: Table, text: str, dialect: str) -> ColumnElement[bool]:
    """In the bytes of the envelope, as they are: a JSON text in UTF-8."""
    found = text.encode("utf-8", "surrogatepass")
    if dialect == "sqlite":
        return func.instr(table.c.body, literal(found, LargeBinary)) > 0
    escaped = found.replace(b"\\", b"\\\\").replace(b"%", b"\\%").replace(b"_", b"\\_")
    return table.c.body.op("LIKE", is_comparison=True)(literal(b"%" + escaped + b"%", LargeBinary))


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)


def _readable(text: str) -> str:
    """What a column of a database can hold of it."""
    return _without_nul(text[:KEPT_OF_TEXT].encode("utf-8", "backslashreplace").decode())


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\\x00")
