"""Publishes to `orders` until everything is acknowledged, and notes in a file what is: run as a program.

Of each key one event is on its way at a time, and the next only after its acknowledgement. Started again
after its death, it goes on with what is not noted.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from outboard import Outboard, SidecarError

PUBLISHERS = 64


class Order(BaseModel):
    key: int
    number: int


board = Outboard(timeout=30)
orders = board.topic("orders", Order)


async def publish(key: int, number: int) -> None:
    """Return once the sidecar has acknowledged it, however often it has to be asked."""
    while True:
        try:
            await orders.publish(Order(key=key, number=number), key=f"key-{key}")
        except SidecarError as error:
            sys.stdout.write(f"{error}\n")
            sys.stdout.flush()
            await asyncio.sleep(0.05)
        else:
            return


async def publish_keys(keys: Sequence[int], numbers: range, done: set[str], note: int) -> None:
    for number in numbers:
        for key in keys:
            line = f"{key} {number}\n"
            if line not in done:
                await publish(key, number)
                os.write(note, line.encode())


async def main(done: set[str], note: int, keys: int, numbers: int) -> None:
    parts = [range(start, keys, PUBLISHERS) for start in range(PUBLISHERS)]
    async with board.connected():
        await asyncio.gather(*(publish_keys(part, range(numbers), done, note) for part in parts))


if __name__ == "__main__":
    file = Path(sys.argv[1])
    noted = set(file.read_text(encoding="utf-8").splitlines(keepends=True)) if file.exists() else set()
    appending = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asyncio.run(main(noted, appending, int(sys.argv[2]), int(sys.argv[3])))
