"""A service with the kit that notes each event it is given in the file RECEIVED: run as a program.

With BULK in its environment it takes many in one request.
"""

from __future__ import annotations

import os

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Event, Outboard


class Order(BaseModel):
    key: int
    number: int


board = Outboard()
orders = board.topic("orders", Order)
app = FastAPI(lifespan=board.lifespan)
board.mount(app)
note = os.open(os.environ["RECEIVED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@orders.subscribe("/orders", bulk="BULK" in os.environ)
async def on_order(event: Event[Order]) -> None:
    os.write(note, f"{event.data.key} {event.data.number}\n".encode())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
