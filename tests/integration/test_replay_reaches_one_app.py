"""A dead letter goes back to the app that failed: through the real sidecar, with two apps of one topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Drop, Event, Outboard
from outboard.hops.files.reader import read_record
from outboard.hops.record import HopKind
from outboard.hops.story import stories
from outboard.testing import Harness
from support.inbox import engines_of

pytestmark = pytest.mark.anyio


class Order(BaseModel):
    id: int


class Service:
    """Handles orders, unless they are among those that it fails at."""

    def __init__(self, app_id: str, record: Path) -> None:
        self.board = Outboard(app_id=app_id, environ={"OUTBOARD_HOPS": str(record)})
        self.orders = self.board.topic("orders", Order)
        self.app = FastAPI(lifespan=self.board.lifespan)
        self.board.mount(self.app)
        self.fails: set[int] = set()
        self.handled: list[Event[Order]] = []

        @self.orders.subscribe("/orders")
        async def on_order(event: Event[Order]) -> None:
            if event.data.id in self.fails:
                raise Drop(f"there is no order {event.data.id}")
            self.handled.append(event)

    @property
    def ids(self) -> list[int]:
        return sorted(event.data.id for event in self.handled)


async def test_the_other_app_is_left_alone(outboard: Harness, tmp_path: Path) -> None:
    engine, other = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")
    record = tmp_path / "hops"
    shop, billing = Service("shop", record), Service("billing", record)
    letters = shop.board.dead_letters(engine)
    letters.create_tables(engine)
    shop.fails = {1, 2}
    async with outboard.serving(shop.app, shop.board), outboard.serving(billing.app, billing.board):
        published = [await shop.orders.publish(Order(id=number), key="k") for number in (1, 2, 3)]
        await outboard.settled()
        assert (shop.ids, billing.ids) == ([3], [1, 2, 3])
        (group,) = await letters.groups()
        assert (group.count, group.pattern) == (2, "there is no order <n>")
        shop.fails = {2}
        assert (await letters.replay(group=group.group)).replayed == 2
        await outboard.settled()
        assert (shop.ids, billing.ids) == ([1, 3], [1, 2, 3])
        (left,) = await letters.find()
        assert (left.event_id, left.failures) == (published[1].id, 2)
        shop.fails = set()
        assert (await letters.replay(everything=True)).replayed == 1
        assert (await letters.replay(everything=True)).replayed == 0
        await outboard.settled()
    assert (shop.ids, billing.ids) == ([1, 2, 3], [1, 2, 3])
    again = next(event for event in shop.handled if event.data.id == 1)
    assert again.id == published[0].id
    assert again.correlationid == published[0].correlationid
    assert _trace_of(again) == _trace_of(published[0])
    (story,) = [each for each in stories(read_record(record).hops) if each.event.event_id == again.id]
    told = [(step.hop.kind, step.hop.app_id, step.hop.detail) for step in story.passages[-1].steps]
    assert told == [
        (HopKind.REPLAYED, "shop", "for 'shop' alone"),
        (HopKind.HANDLED, "billing", "it is replayed for 'shop' alone"),
        (HopKind.HANDLED, "shop", ""),
    ]
    engine.dispose()
    await other.dispose()


def _trace_of(event: Event[Any]) -> str:
    return str(event.extensions["traceparent"]).split("-")[1]
