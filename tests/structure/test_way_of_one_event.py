"""Which code one event passes, from `publish` to the settled delivery in the fixture, as its page tells.

`python3 dev.py test -q -s tests/structure` prints the numbers and the modules, and with `-vv` every step.
"""

from __future__ import annotations

import asyncio
import re
from difflib import ndiff
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

import dev
from outboard import Event, Outboard
from outboard.testing import Harness
from structure.tracing import Way, entered

pytestmark = pytest.mark.anyio

PAGE = dev.ROOT / "docs" / "explanation" / "architecture.md"
QUIET = 10
"""So many passes of the event loop without a step of outboard's, and the event is done with."""


class Order(BaseModel):
    number: int


async def stock() -> int:
    return 3


async def until_nothing_runs(way: Way) -> None:
    """Let every task go on that the event has woken."""
    quiet = 0
    while quiet < QUIET:
        before = len(way.entries)
        await asyncio.sleep(0)
        quiet = quiet + 1 if len(way.entries) == before else 0


async def way_of_the_second_event(outboard: Harness) -> Way:
    """The way of an event with a key to a handler that has a dependency; the first one has warmed all up."""
    board = Outboard(app_id="shop", environ={})
    orders = board.topic("orders", Order)
    handled = []

    @orders.subscribe("/events/order")
    async def on_order(event: Event[Order], left: Annotated[int, Depends(stock)]) -> None:
        handled.append((event.data.number, left))

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        await orders.publish(Order(number=1), key="1")
        await outboard.handled(orders)
        with entered() as way:
            await orders.publish(Order(number=2), key="1")
            await until_nothing_runs(way)
    assert handled == [(1, 3), (2, 3)]
    return way


def told() -> tuple[int, int, list[str]]:
    """What architecture.md says: how many modules, how many changes, and the modules in their order."""
    section = PAGE.read_text(encoding="utf-8").split("## The way of one event")[1].split("\n## ")[0]
    numbers = re.search(r"(\d+) modules, and (\d+) times", section)
    assert numbers
    paths = re.findall(r"`([\w/]+)\.py`", section)
    return int(numbers[1]), int(numbers[2]), [f"outboard.{path.replace('/', '.')}" for path in paths]


async def test_the_way_of_one_event_is_the_one_that_is_told(
    outboard: Harness, request: pytest.FixtureRequest
) -> None:
    way = await way_of_the_second_event(outboard)

    print(f"\none event: {len(way.modules)} modules, {way.changes} changes of module")
    print("\n".join(way.stretches if request.config.get_verbosity() > 1 else way.modules))
    modules, changes, in_order = told()
    changed = "\n".join(ndiff(in_order, way.modules))
    assert way.modules == in_order, f"{PAGE.name} tells of another way:\n{changed}"
    assert len(way.modules) == modules
    assert way.changes <= changes
