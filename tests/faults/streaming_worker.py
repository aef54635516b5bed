"""A program without a port that takes `orders` by a stream, and says so."""

from __future__ import annotations

import asyncio
import logging

from outboard import Drop, Event, Outboard

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
board = Outboard(streaming=True)
orders = board.topic("orders", dict[str, int])


@orders.subscribe("/events/order")
async def on_order(event: Event[dict[str, int]]) -> None:
    number = event.data["number"]
    print(f"BEGIN {number}", flush=True)  # noqa: T201
    if number == 13:
        raise Drop("unlucky")
    if number >= 100:
        await asyncio.sleep(number / 100)
    print(f"HANDLED {number}", flush=True)  # noqa: T201


if __name__ == "__main__":
    board.run()
