"""Handlers that take bulk deliveries, under the fixture, with the real sidecar in process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Drop, Event, Outboard
from outboard.testing import Harness

pytestmark = pytest.mark.anyio


class Number(BaseModel):
    value: int


@pytest.fixture
def board() -> Outboard:
    return Outboard(app_id="a", environ={})


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


async def test_one_event_at_a_time(outboard: Harness, board: Outboard, app: FastAPI) -> None:
    numbers = board.topic("numbers", Number)
    tries: list[int] = []

    @numbers.subscribe("/numbers", bulk=True)
    async def handle(event: Event[Number]) -> None:
        tries.append(event.data.value)
        if event.data.value == 1 and tries.count(1) == 1:
            raise OSError("database away")
        if event.data.value == 2:
            raise Drop("not ours")

    async with outboard.serving(app, board):
        await asyncio.gather(*(numbers.publish(Number(value=value), key=str(value)) for value in range(4)))
        await outboard.retried(numbers)
        dead = await outboard.dead_lettered(numbers)
        handled = {(await outboard.handled(numbers)).data.value for _ in range(3)}
        await outboard.settled()
    assert (dead.reason, handled) == ("not ours", {0, 1, 3})
    assert sorted(tries) == [0, 1, 1, 2, 3]


async def test_batches(outboard: Harness, board: Outboard, app: FastAPI) -> None:
    numbers = board.topic("numbers", Number)
    batches: list[list[int]] = []

    @numbers.subscribe_batch("/numbers", max_events=10, max_await_duration_ms=10)
    async def handle(events: Sequence[Event[Number]]) -> None:
        values = [event.data.value for event in events]
        batches.append(values)
        if len(batches) == 1:
            raise OSError("database away")

    async with outboard.serving(app, board):
        await asyncio.gather(*(numbers.publish(Number(value=value)) for value in range(25)))
        await outboard.settled()
    assert sorted(value for batch in batches[1:] for value in batch) == list(range(25))
    assert all(len(batch) <= 10 for batch in batches)
