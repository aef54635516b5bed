"""What is replayed for one app is passed by in the others: alone, in batches, whether or not it is valid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Event, Outboard
from outboard.hops.record import HopKind
from support.bulk import bulk_entry, deliver_bulk
from support.letters import deliver
from support.scripted import ScriptedExchange
from support.serving import Serving
from support.sidecars import Hops

pytestmark = pytest.mark.anyio


class Task(BaseModel):
    id: int
    title: str


@pytest.fixture
def handled() -> list[str]:
    return []


@pytest.fixture
def app(board: Outboard, handled: list[str]) -> FastAPI:
    tasks = board.topic("tasks", Task)

    @tasks.subscribe("/on")
    async def one(event: Event[Task]) -> None:
        handled.append(event.id)

    @board.topic("others", Task).subscribe_batch("/many")
    async def many(events: Sequence[Event[Task]]) -> None:
        handled.extend(event.id for event in events)

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


async def test_it_is_for_the_app_that_it_names(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], handled: list[str]
) -> None:
    async with serving(app, board) as client:
        for number, to in enumerate(["todo", "other", "", None, 7]):
            told = await deliver(client, {**envelope, "id": str(number), "replayto": to}, "/on")
            assert told == "SUCCESS"
    assert handled == ["0", "2", "3", "4"]


async def test_one_that_is_not_valid_is_passed_by_too(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], exchange: ScriptedExchange
) -> None:
    async with serving(app, board) as client:
        assert await deliver(client, {**envelope, "data": 1, "replayto": "other"}, "/on") == "SUCCESS"
        assert exchange.events == []
        assert await deliver(client, {**envelope, "data": 1, "replayto": "todo"}, "/on") == "SUCCESS"
    assert exchange.topics == ["tasks-dead"]


@pytest.mark.parametrize("path", ["/on", "/many"])
async def test_of_a_batch_the_others_are_handled(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], handled: list[str], path: str
) -> None:
    to = ["other", "todo", None, "other"]
    events = [
        {**envelope, "id": f"e{at}", **({"replayto": each} if each else {})} for at, each in enumerate(to)
    ]
    async with serving(app, board) as client:
        told = await deliver_bulk(client, path, [bulk_entry(str(at), each) for at, each in enumerate(events)])
        assert told == {str(at): "SUCCESS" for at in range(4)}
        only = [bulk_entry("0", events[0])]
        assert await deliver_bulk(client, path, only) == {"0": "SUCCESS"}
    assert handled == ["e1", "e2"]


async def test_that_it_passed_is_recorded(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    hops = Hops()
    board._journal.recorder = hops
    async with serving(app, board) as client:
        await deliver(client, {**envelope, "replayto": "other"}, "/on")
    (hop,) = hops.of(HopKind.HANDLED)
    assert (hop.outcome, hop.detail) == ("SUCCESS", "it is replayed for 'other' alone")
