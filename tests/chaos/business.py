"""The business of the system under test: what is ordered, and the tables that tell what is true."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from pydantic import BaseModel
from sqlalchemy import Boolean, Column, Engine, Integer, MetaData, String, Table, Text, create_engine

from outboard import Outbox

__all__ = [
    "DEAD_TOPIC", "PUBSUB", "TOPIC", "Order", "applied_table", "balance_table", "engine_of", "orders_table",
    "payload_of",
]  # fmt: skip

PUBSUB: Final = "pubsub"
TOPIC: Final = "orders"
DEAD_TOPIC: Final = "orders-dead"


class Order(BaseModel):
    """The data of an event. The handler gives up one that is `poison`, until it is mended."""

    key: str
    amount: int
    poison: bool
    text: str


def payload_of(data: object) -> str:
    """The hash of an event's data, whoever wrote its JSON."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def orders_table(metadata: MetaData) -> Table:
    """A row for each event, in its transaction: what was committed, and in which order."""
    return Table(
        "orders",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("writer", Integer, nullable=False),
        Column("event_id", String(64), nullable=False),
        Column("key", Text, nullable=False),
        Column("amount", Integer, nullable=False),
        Column("poison", Boolean, nullable=False),
        Column("payload", Text, nullable=False),
    )


def applied_table(metadata: MetaData) -> Table:
    """A row for each time that a handler ran to its end: nothing but the inbox prevents two of one id."""
    return Table(
        "applied",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("event_id", String(64), nullable=False, index=True),
        Column("key", Text, nullable=False),
        Column("amount", Integer, nullable=False),
        Column("payload", Text, nullable=False),
    )


def balance_table(metadata: MetaData) -> Table:
    """The sum of what was applied, a key: added to, not computed."""
    return Table("balance", metadata, Column("key", String(64), primary_key=True), Column("total", Integer))


def engine_of(url: str) -> Engine:
    """As a service makes it. A connection that has ended with its server is noticed before it is used."""
    is_postgresql = url.startswith("postgresql")
    engine = create_engine(url, pool_pre_ping=is_postgresql, pool_size=10, max_overflow=30)
    Outbox.make_durable(engine)
    return engine
