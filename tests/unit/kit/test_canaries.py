"""A canary is answered by the kit: no handler is run, and who asks is told where it came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Event, Outboard
from outboard.wire.canary import CANARIES_PATH, canary_id, new_canary
from support.bulk import bulk_entry, deliver_bulk
from support.serving import Serving

pytestmark = pytest.mark.anyio

HEADERS = {"content-type": "application/cloudevents+json"}


class Task(BaseModel):
    id: int


def event(number: int, **more: Any) -> dict[str, Any]:
    own = {"id": f"e-{number}", "source": "s", "specversion": "1.0", "type": "t", "data": {"id": number}}
    return {**own, **more}


def app_of(board: Outboard) -> tuple[FastAPI, list[int]]:
    handled: list[int] = []
    tasks = board.topic("tasks", Task)

    @tasks.subscribe("/on", bulk=True)
    async def on_task(event: Event[Task]) -> None:
        handled.append(event.data.id)

    @board.topic("others", Task).subscribe_batch("/batch")
    async def on_batch(events: Sequence[Event[Task]]) -> None:
        handled.extend(event.data.id for event in events)

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app, handled


async def test_a_canary_that_comes_alone_is_settled_and_told(board: Outboard, serving: Serving) -> None:
    app, handled = app_of(board)
    async with serving(app, board) as client:
        answer = await client.post("/on", content=new_canary("c-1"), headers=HEADERS)
        told = (await client.get(CANARIES_PATH)).json()
    assert (answer.status_code, answer.json()) == (200, {"status": "SUCCESS"})
    assert told == {"canaries": [{"id": "c-1", "path": "/on"}]}
    assert handled == []


@pytest.mark.parametrize("path", ["/on", "/batch"])
async def test_of_a_batch_the_others_are_handled(board: Outboard, serving: Serving, path: str) -> None:
    app, handled = app_of(board)
    entries = [
        bulk_entry("1", event(1)),
        bulk_entry("2", json.loads(new_canary("c-2"))),
        bulk_entry("3", event(3)),
    ]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, path, entries)
        told = (await client.get(CANARIES_PATH)).json()
        alone = await deliver_bulk(client, path, entries[1:2])
    assert statuses == {"1": "SUCCESS", "2": "SUCCESS", "3": "SUCCESS"}
    assert alone == {"2": "SUCCESS"}
    assert handled == [1, 3]
    assert told == {"canaries": [{"id": "c-2", "path": path}]}


async def test_an_event_that_only_speaks_of_canaries_is_handled(board: Outboard, serving: Serving) -> None:
    app, handled = app_of(board)
    spoken = event(7, subject="dev.outboard.canary")
    async with serving(app, board) as client:
        await client.post("/on", content=json.dumps(spoken), headers=HEADERS)
        await deliver_bulk(client, "/on", [bulk_entry("1", event(8, subject="dev.outboard.canary"))])
        told = (await client.get(CANARIES_PATH)).json()
    assert handled == [7, 8]
    assert told == {"canaries": []}


async def test_only_the_last_canaries_are_kept(board: Outboard, serving: Serving) -> None:
    app, _ = app_of(board)
    async with serving(app, board) as client:
        for number in range(120):
            await client.post("/on", content=new_canary(f"c-{number}"), headers=HEADERS)
        told = (await client.get(CANARIES_PATH)).json()["canaries"]
    assert [each["id"] for each in told] == [f"c-{number}" for number in range(20, 120)]


async def test_who_has_no_token_is_told_nothing_and_brings_none(serving: Serving) -> None:
    board = Outboard(environ={"APP_API_TOKEN": "secret"})
    app, _ = app_of(board)
    async with serving(app, board) as client:
        told = await client.get(CANARIES_PATH)
        brought = await client.post("/on", content=new_canary("c-1"), headers=HEADERS)
        right = await client.get(CANARIES_PATH, headers={"dapr-api-token": "secret"})
    assert (told.status_code, brought.status_code) == (401, 401)
    assert right.json() == {"canaries": []}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type": "other"}', b"\xff"])
def test_what_is_no_canary_has_no_id(body: bytes) -> None:
    assert canary_id(body) is None
