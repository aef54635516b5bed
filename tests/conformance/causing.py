"""A service with the kit, run as a program: each event it is given, with what it came of, is a line of JSON.

POST /start → orders → derived, raw          alone and in bulk
              bad    → bad-dead → bad-again  a dead letter, and its event published once more
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import uvicorn
from fastapi import FastAPI

from outboard import Drop, Event, Outboard

MANY = 5

board = Outboard()
orders, bad, derived = board.topic("orders"), board.topic("bad"), board.topic("derived")
raw, dead, again = board.topic("raw"), board.topic("bad-dead", dead_letter=None), board.topic("bad-again")
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


@app.post("/start")
async def start() -> None:
    await asyncio.gather(*(orders.publish(number, id=f"order-{number}") for number in range(MANY)))
    await bad.publish(0, id="bad")


@orders.subscribe("/orders")
async def on_order(event: Event[object]) -> None:
    say(orders.name, event)
    many = (derived.publish(number, id=f"{event.id}-{number}") for number in range(MANY))
    await asyncio.gather(*many, raw.publish(event.id, metadata={"rawPayload": "true"}))


@bad.subscribe("/bad")
async def on_bad(event: Event[object]) -> None:
    raise Drop("no order")


@dead.subscribe("/dead")
async def on_dead(event: Event[object]) -> None:
    say(dead.name, event)
    await again.publish_event(event)


@derived.subscribe("/derived", bulk=True)
async def on_derived(event: Event[object]) -> None:
    say(derived.name, event)


@raw.subscribe("/raw")
async def on_raw(event: Event[object]) -> None:
    say(raw.name, event)


@again.subscribe("/again")
async def on_again(event: Event[object]) -> None:
    say(again.name, event)


def say(topic: str, event: Event[object]) -> None:
    trace = str(event.extensions["traceparent"]).split("-")[1]
    told = [topic, event.id, event.correlationid, event.causationid, trace]
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
