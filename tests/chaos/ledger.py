"""The service that applies orders to a ledger, once each: served by uvicorn.

LEDGER_URL is its database. With ORDERS_URL it relays the outbox there, too, each worker of it. MENDED is a
file: once it is there, what was poison can be handled. With LEDGER_ASYNC its session is asynchronous. MUTANT
breaks it, to see that the run finds it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import MetaData, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from chaos.business import PUBSUB, TOPIC, Order, applied_table, balance_table, engine_of, payload_of
from outboard import Drop, Event, Outboard, Outbox

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
URL = os.environ["LEDGER_URL"]
MENDED = Path(os.environ["MENDED"])
MUTANT = os.environ.get("MUTANT", "")
metadata = MetaData()
applied, balance = applied_table(metadata), balance_table(metadata)
engine = engine_of(URL)
relayed = os.environ.get("ORDERS_URL")
board = Outboard(outbox=Outbox(engine_of(relayed)) if relayed else None, pubsub=PUBSUB)
letters = board.dead_letters(engine)
orders = board.topic(TOPIC, Order)
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


def apply(session: Session, event: Event[Order]) -> None:
    order = event.data
    if order.poison and not MENDED.exists():
        raise Drop("the order is poison")
    payload = payload_of(order.model_dump())
    row = {"event_id": event.id, "key": order.key, "amount": order.amount, "payload": payload}
    session.execute(insert(applied).values(row))
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    adding = dialect.insert(balance).values(key=order.key, total=order.amount)
    total = {"total": balance.c.total + order.amount}
    session.execute(adding.on_conflict_do_update(index_elements=["key"], set_=total))


def without_inbox() -> Iterator[Session]:
    """A session as one has it without the inbox."""
    with Session(engine) as session:
        yield session
        session.commit()


if MUTANT == "no-inbox":

    @orders.subscribe("/orders")
    def on_order_again(event: Event[Order], db: Annotated[Session, Depends(without_inbox)]) -> None:
        apply(db, event)

elif os.environ.get("LEDGER_ASYNC"):
    driver = "sqlite+aiosqlite" if URL.startswith("sqlite") else "postgresql+psycopg"
    later = create_async_engine(URL.replace(URL.partition(":")[0], driver, 1), pool_size=10, max_overflow=30)
    Outbox.make_durable(later.sync_engine)
    inbox = board.inbox(later, metadata=metadata)

    @orders.subscribe("/orders")
    async def on_order_async(
        event: Event[Order], db: Annotated[AsyncSession, Depends(inbox.session)]
    ) -> None:
        await db.run_sync(apply, event)

else:
    inbox = board.inbox(engine, metadata=metadata)

    @orders.subscribe("/orders")
    def on_order(event: Event[Order], db: Annotated[Session, Depends(inbox.session)]) -> None:
        apply(db, event)
