"""How much code one event passes, from `publish` to the settled delivery in the fixture.

`python3 dev.py test -q -s tests/structure` prints the numbers, and with `-vv` every step.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from outboard import Event, Outboard
from outboard.testing import Harness
from structure.tracing import Way, entered

pytestmark = pytest.mark.anyio

MODULES = 56
"""At most so many modules are entered."""
CHANGES = 194
"""At most so often does the way change from one module to another."""
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


async def test_the_way_of_one_event_is_short(outboard: Harness, request: pytest.FixtureRequest) -> None:
    way = await way_of_the_second_event(outboard)

    print(f"\none event: {len(way.modules)} modules, {way.changes} changes of module")
    print("\n".join(way.stretches if request.config.get_verbosity() > 1 else way.modules))
    assert len(way.modules) <= MODULES
    assert way.changes <= CHANGES
