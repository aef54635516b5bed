"""An app with several workers: each of them stages events, and relays."""

from __future__ import annotations

import os

from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox

engine = create_engine(os.environ["SHOP_DATABASE"])
Outbox.make_durable(engine)
board = Outboard(outbox=Outbox(engine))
tasks = board.topic("tasks")
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


@app.post("/tasks")
def create(key: str, number: int) -> int:
    """The process that has committed it."""
    with Session(engine) as session:
        tasks.stage(session, number, key=key)
        session.commit()
    return os.getpid()
