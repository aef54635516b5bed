"""Applies each order once, in its database, and tells of it by the outbox; notes each run of a handler.

A run that is noted and not applied, or applied and noted twice, is what the tests look for.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from outboard import Event, Outboard, Outbox

RUNS, ECHOES = Path(os.environ["RUNS"]), Path(os.environ["ECHOES"])
SECONDS = float(os.environ.get("SECONDS_OF_WORK", "0.05"))

engine = create_engine(os.environ["DATABASE_URL"])
Outbox.make_durable(engine)


class Base(DeclarativeBase):
    pass


class Applied(Base):
    __tablename__ = "applied"
    number: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    value: Mapped[int]


board = Outboard(outbox=Outbox(engine, metadata=Base.metadata))
inbox = board.inbox(engine, metadata=Base.metadata)
orders, echoes = board.topic("orders"), board.topic("echoes")


app = FastAPI(lifespan=board.lifespan)
board.mount(app)


def note(file: Path, line: str) -> None:
    """A short line is appended whole, whoever else appends one."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"{line}\n")


@orders.subscribe("/orders")
def on_order(event: Event[Any], db: Annotated[Session, Depends(inbox.session)]) -> None:
    note(RUNS, event.id)
    time.sleep(SECONDS)
    key, value = event.data["key"], event.data["value"]
    db.add(Applied(key=key, value=value))
    echoes.stage(db, {"key": key, "value": value}, key=key, id=f"echo-{event.id}")


@app.post("/batch")
def batch(first: int, count: int) -> None:
    """Stage so many echoes in one transaction."""
    with Session(engine) as db:
        for number in range(first, first + count):
            key = f"k{number % 8}"
            echoes.stage(db, {"key": key, "value": number}, key=key, id=f"batch-{number}")
        db.commit()


@echoes.subscribe("/echoes")
async def on_echo(event: Event[Any]) -> None:
    note(ECHOES, event.id)
