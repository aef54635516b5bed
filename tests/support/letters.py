"""An app that collects its dead letters, on either kind of engine, with events that it fails at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, MetaData, create_engine, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from outboard import Drop, Event, Outboard, Sensitive
from outboard.clock import Clock
from outboard.kit.deadletters.reading import new_letter
from outboard.kit.deadletters.sql.store import SqlLetterStore
from outboard.kit.deadletters.sql.table import letters_table
from outboard.kit.outbox.sql.durability import make_durable
from outboard.kit.outbox.sql.engine import LazyEngine
from outboard.kit.subscriptions.dead_letter import read_envelope
from outboard.wire.events import EventCodec

__all__ = ["Collecting", "Order", "deliver", "keep_letters", "letter"]

HEADERS = {"content-type": "application/cloudevents+json"}


class Order(BaseModel):
    """The data of an event."""

    id: int
    email: Annotated[str, Sensitive()] = "ann@example.org"


class Collecting:
    """`board` has a handler of "orders" that drops all, and collects in the database of `engine`."""

    def __init__(self, engine: Engine | AsyncEngine, clock: Clock, **options: Any) -> None:
        self.metadata = MetaData()
        self.board = Outboard(app_id="shop", environ={}, clock=clock)
        self.letters = self.board.dead_letters(engine, metadata=self.metadata, **options)
        self.app = FastAPI(lifespan=self.board.lifespan)
        self.board.mount(self.app)
        self.orders = self.board.topic("orders", Order)
        self.handled: list[Event[Order]] = []
        self.fails = True

        @self.orders.subscribe("/orders")
        async def on_order(event: Event[Order]) -> None:
            if self.fails:
                raise Drop(f"order {event.data.id} of {event.data.email} is unknown")
            self.handled.append(event)

    def prepare(self, engine: Engine) -> None:
        """Make the table."""
        self.letters.create_tables(engine)

    def change(self, engine: Engine, **columns: Any) -> None:
        """Change all rows, as time does."""
        with engine.begin() as connection:
            connection.execute(update(self.metadata.tables["outboard_dead_letters"]).values(**columns))

    def fill(self, engine: Engine, rows: list[dict[str, Any]]) -> None:
        """Add rows."""
        with engine.begin() as connection:
            connection.execute(insert(self.metadata.tables["outboard_dead_letters"]), rows)


def letter(number: int, **more: Any) -> dict[str, Any]:
    """A dead letter as the kit of "shop" writes it."""
    return {
        "specversion": "1.0",
        "id": f"o-{number}",
        "source": "web",
        "type": "order.placed",
        "datacontenttype": "application/json",
        "data": {"id": number, "email": "bob@example.org"},
        "topic": "orders",
        "pubsubname": "pubsub",
        "partitionkey": f"k-{number}",
        "correlationid": "c-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "deadletterreason": f"order {number} of bob@example.org is unknown",
        "deadletterorigin": "//shop/pubsub/orders#/orders",
        "deadletterattempts": 3,
        "deadlettertime": "2026-01-02T03:04:05Z",
        "deadlettererror": "Drop",
        **more,
    }


async def deliver(client: httpx.AsyncClient, event: Mapping[str, Any], path: str = "") -> str:
    """Deliver an event as a sidecar does; its status."""
    to = path or "/dapr/outboard/dead-letters/pubsub/orders-dead"
    response = await client.post(to, content=json.dumps(event), headers=HEADERS)
    assert response.status_code == 200, response.text
    return str(response.json()["status"])


async def keep_letters(url: str, *events: Mapping[str, Any], with_model: bool = True) -> None:
    """Put dead letters of the topic "orders" into a table of the database at `url`, which is made."""
    engine = create_engine(url)
    make_durable(engine)
    metadata = MetaData()
    table = letters_table(metadata, "outboard_dead_letters")
    metadata.create_all(engine)
    codec = EventCodec(Order) if with_model else None
    envelopes = [read_envelope(json.dumps(each).encode(), HEADERS) for each in events]
    store = SqlLetterStore(table, LazyEngine(engine))
    await store.add([new_letter(each, "pubsub", "orders-dead", lambda *_: codec) for each in envelopes])
    engine.dispose()
