"""What is recorded of events that are delivered alone, where there are very many of them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from outboard import Event, Outboard
from outboard.hops.record import HopKind
from support.letters import deliver
from support.serving import Serving
from support.sidecars import Hops, ManyHops

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    @board.topic("tasks", int).subscribe("/on")
    async def on(event: Event[int]) -> None:
        if event.data < 0:
            raise RuntimeError("not yet")

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


@pytest.mark.parametrize("recording", [Hops, ManyHops])
async def test_they_are_recorded_in_their_order_each_with_its_time(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], recording: type[Hops]
) -> None:
    board._journal.recorder = hops = recording()
    async with serving(app, board) as client:
        for number, data in enumerate([1, 2, -3, 4]):
            await deliver(client, {**envelope, "id": str(number), "data": data}, "/on")
        await hops.until(HopKind.HANDLED, 4)
    told = [(hop.event.event_id, hop.outcome) for hop in hops.all]
    assert told == [("0", "SUCCESS"), ("1", "SUCCESS"), ("2", "RETRY"), ("3", "SUCCESS")]
    assert all(hop.duration is not None and hop.duration >= 0 for hop in hops.all)
