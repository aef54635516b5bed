"""A test that waits for what is settled waits for what is staged, too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from outboard import Event, Outboard, Outbox
from outboard.testing import Harness
from outboard.testing.recording import NotSeen

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    Outbox.make_durable(engine)
    yield engine
    engine.dispose()


async def test_what_is_staged_is_handled_when_all_is_settled(outboard: Harness, engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    board = Outboard(app_id="shop", outbox=outbox)
    orders, handled = board.topic("orders"), list[object]()

    @orders.subscribe("/orders")
    async def on_order(event: Event[object]) -> None:
        handled.append(event.data)

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        with Session(engine) as session, session.begin():
            for number in range(3):
                orders.stage(session, number, key="same")
            orders.stage(session, "tomorrow", after=timedelta(days=1))
        await outboard.settled()

    assert handled == [0, 1, 2]


async def test_what_is_staged_and_relayed_by_nobody_is_told(outboard: Harness, engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    board = Outboard(app_id="shop", outbox=outbox)
    async with outboard.connected(board):
        with Session(engine) as session, session.begin():
            board.topic("orders").stage(session, 1)
        with pytest.raises(NotSeen, match="not every staged event was published"):
            await outboard.settled(timeout=0.1)
