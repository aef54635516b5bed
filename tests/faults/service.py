"""A service with the kit, run as a program: it tells on its standard output what its handlers do.

An order may name a file; its handler hangs until that file exists.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Drop, Event, Outboard


class Order(BaseModel):
    number: int
    wait_for: Path | None = None
    problem: str = ""


board = Outboard()
orders = board.topic("orders", Order)
others = board.topic("others")
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


@orders.subscribe("/orders")
async def on_order(event: Event[Order]) -> None:
    order = event.data
    say(f"BEGIN {order.number}")
    while order.wait_for is not None and not order.wait_for.exists():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    if order.problem:
        raise Drop(order.problem)
    say(f"HANDLED {order.number}")


@others.subscribe("/others")
async def on_other(event: Event[object]) -> None:
    say(f"OTHER {event.data}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
