"""The tables of an outbox.

Times are whole milliseconds since 1970, in UTC: every database can compare those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    and_,
    case,
    literal_column,
    or_,
)

__all__ = [
    "ARCHIVE",
    "ARCHIVED",
    "TableMaker",
    "Tables",
    "is_delayed",
    "is_ready",
    "is_unique",
    "may_block",
    "waits_since",
]

TableMaker = Callable[[MetaData, str, str | None], Table]
"""Declares a table that an app can have beside those of its outbox, by its name and schema."""

ARCHIVE: Final = "outbox_archive"
ARCHIVED: Final = (
    "sequence", "event_id", "pubsub", "topic", "key", "body", "details", "staged_at", "attempts",
)  # fmt: skip
"""Columns of an event that its row in the archive has, too."""


@dataclass(frozen=True, slots=True)
class Tables:
    """`outbox` has a row for each event that is not published yet, `lease` one for each partition.

    `relay` has one for each relay that is there to share them.

    `archive` has those that were published, where they are kept.
    """

    outbox: Table
    lease: Table
    relay: Table
    archive: Table | None = None

    @classmethod
    def in_metadata(
        cls, metadata: MetaData, prefix: str, schema: str | None = None, *, archives: bool = False
    ) -> Tables:
        """Declare them, as `<prefix>outbox` and so on, in `schema` or that of `metadata`."""
        outbox = _outbox(metadata, f"{prefix}outbox", schema)
        archive = _archive(metadata, f"{prefix}{ARCHIVE}", schema) if archives else None
        lease = _lease(metadata, f"{prefix}outbox_lease", schema)
        return cls(outbox, lease, _relay(metadata, f"{prefix}outbox_relay", schema), archive)

    @property
    def all(self) -> list[Table]:
        """In the order in which they are made."""
        return [table for table in (self.outbox, self.lease, self.relay, self.archive) if table is not None]


def _outbox(metadata: MetaData, name: str, schema: str | None) -> Table:
    table = Table(
        name,
        metadata,
        # A number is never given twice: a late relay deletes by it what it has published.
        Column(
            "sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        Column("event_id", Text, nullable=False),
        Column("pubsub", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text),
        Column("lane", BigInteger, nullable=False),
        Column("partition", SmallInteger, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("details", Text, nullable=False),
        Column("hold", Boolean, nullable=False),
        Column("staged_at", BigInteger, nullable=False),
        Column("available_at", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("parked_at", BigInteger),
        Column("last_error", Text),
        # 0 is at once. One that is due has the same with a minus: it has its place in its lane.
        Column("due_at", BigInteger, nullable=False, server_default="0"),
        Column("expires_at", BigInteger),
        Column("dedupe_key", Text),
        schema=schema,
        sqlite_autoincrement=True,
    )
    for index, columns, rows in (
        ("ix_{}_ready", [table.c.sequence], is_ready(table)),
        ("ix_{}_holding", [table.c.lane, table.c.sequence], may_block(table)),
        ("ix_{}_delayed", [table.c.due_at], is_delayed(table)),
        ("ix_{}_expiring", [table.c.expires_at], table.c.expires_at.is_not(None)),
        ("uq_{}_dedupe", [table.c.pubsub, table.c.topic, table.c.dedupe_key], is_unique(table)),
    ):
        unique = index.startswith("uq")
        Index(index.format(name), *columns, unique=unique, sqlite_where=rows, postgresql_where=rows)
    return table


# A query that asks for one of these in just these words is answered from the index of those rows. So the
# number is written out: with a parameter in its place no database could know.
ZERO: Final[ColumnElement[int]] = literal_column("0")


def is_ready(outbox: FromClause) -> ColumnElement[bool]:
    """Of a row that has its place in its lane."""
    return and_(outbox.c.parked_at.is_(None), outbox.c.due_at <= ZERO)


def is_delayed(outbox: FromClause) -> ColumnElement[bool]:
    """Of a row that has no place in its lane yet."""
    return outbox.c.due_at > ZERO


def is_unique(outbox: FromClause) -> ColumnElement[bool]:
    """Of a row beside which no other one with its dedupe key is stored."""
    return outbox.c.dedupe_key.is_not(None)


def waits_since(outbox: FromClause) -> ColumnElement[int]:
    """From when on a row that is ready has waited."""
    return case((outbox.c.staged_at < -outbox.c.due_at, -outbox.c.due_at), else_=outbox.c.staged_at)


def may_block(outbox: FromClause) -> ColumnElement[bool]:
    """Of a row that keeps later ones of its lane back, now or at some time: what few rows are."""
    put_off = outbox.c.available_at > ZERO
    held = and_(outbox.c.hold, outbox.c.parked_at.is_not(None))
    return or_(put_off, held, is_delayed(outbox))


def _archive(metadata: MetaData, name: str, schema: str | None) -> Table:
    table = Table(
        name,
        metadata,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("event_id", Text, nullable=False),
        Column("pubsub", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text),
        Column("body", LargeBinary, nullable=False),
        Column("details", Text, nullable=False),
        Column("staged_at", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("published_at", BigInteger, nullable=False),
        schema=schema,
    )
    Index(f"ix_{name}_published", table.c.published_at)
    return table


def _lease(metadata: MetaData, name: str, schema: str | None) -> Table:
    return Table(
        name,
        metadata,
        Column("partition", SmallInteger, primary_key=True, autoincrement=False),
        Column("token", String(64), nullable=False),
        Column("lease_until", BigInteger, nullable=False),
        schema=schema,
    )


def _relay(metadata: MetaData, name: str, schema: str | None) -> Table:
    return Table(
        name,
        metadata,
        Column("token", String(64), primary_key=True),
        Column("lease_until", BigInteger, nullable=False),
        schema=schema,
    )
