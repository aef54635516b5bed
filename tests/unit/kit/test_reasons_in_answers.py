"""A test that posts to a handler is told the reason; whoever calls a service in production is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import DeliveryStatus, Drop, Event, Outboard
from outboard.kit.under_test import comes_from_a_test, is_pytest_running
from support.scripted import ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

STRUCTURED = {"content-type": "application/cloudevents+json"}
BULK = {"id": "b", "type": "com.dapr.event.sent.bulk"}
OF_A_TEST_CLIENT: dict[str, Any] = {"extensions": {"http.response.debug": {}}}


@pytest.fixture
def as_in_production() -> Iterator[None]:
    """Not here."""
    yield


class Task(BaseModel):
    id: int


def app_of(board: Outboard) -> FastAPI:
    tasks = board.topic("tasks", Task)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @tasks.subscribe("/tasks")
    async def on_task(event: Event[Task]) -> DeliveryStatus | None:
        if event.data.id == 1:
            raise ConnectionError("no mail server")
        if event.data.id == 2:
            raise Drop("two is not ours")
        return DeliveryStatus.RETRY if event.data.id == 3 else None

    return app


def event(number: object, **attributes: object) -> dict[str, object]:
    of_all = {"specversion": "1.0", "id": f"e{number}", "source": "s", "type": "t"}
    return {**of_all, "data": {"id": number}, **attributes}


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (1, "RETRY", "ConnectionError was raised: no mail server"),
        (2, "SUCCESS", "two is not ours (its dead letter is in 'tasks-dead')"),
        (3, "RETRY", "the handler returned RETRY"),
        ("x", "SUCCESS", "data.id"),
    ],
)
async def test_an_answer_to_a_test_has_the_reason(
    board: Outboard, serving: Serving, exchange: ScriptedExchange, number: object, status: str, reason: str
) -> None:
    async with serving(app_of(board), board) as client:
        answer = (await client.post("/tasks", json=event(number), headers=STRUCTURED)).json()
    assert answer["status"] == status
    assert reason in answer["reason"]


async def test_what_was_handled_needs_no_reason(board: Outboard, serving: Serving) -> None:
    async with serving(app_of(board), board) as client:
        answer = await client.post("/tasks", json=event(4), headers=STRUCTURED)
    assert answer.json() == {"status": "SUCCESS"}


async def test_each_entry_of_a_bulk_delivery_has_its_reason(board: Outboard, serving: Serving) -> None:
    entries = [{"entryId": str(number), "event": event(number, partitionkey="k")} for number in (4, 1, 5)]
    async with serving(app_of(board), board) as client:
        answer = await client.post("/tasks", json={**BULK, "entries": entries})
    assert answer.json() == {
        "statuses": [
            {"entryId": "4", "status": "SUCCESS"},
            {"entryId": "1", "status": "RETRY", "reason": "ConnectionError was raised: no mail server"},
            {
                "entryId": "5",
                "status": "RETRY",
                "reason": "an earlier event of its key is to come again before it",
            },
        ]
    }


async def test_outside_of_a_test_no_reason_leaves_the_service(
    board: Outboard, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(app_of(board), board) as client:
        monkeypatch.delenv("PYTEST_CURRENT_TEST")
        alone = await client.post("/tasks", json=event(1), headers=STRUCTURED)
        entries = [{"entryId": "1", "event": event(1)}]
        in_bulk = await client.post("/tasks", json={**BULK, "entries": entries})
    assert alone.json() == {"status": "RETRY"}
    assert in_bulk.json() == {"statuses": [{"entryId": "1", "status": "RETRY"}]}


@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
def test_the_test_client_says_that_it_is_one_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    app = app_of(Outboard(app_id="todo", environ={}))
    with TestClient(app) as client:
        monkeypatch.delenv("PYTEST_CURRENT_TEST")
        answer = client.post("/tasks", json=event(3), headers=STRUCTURED)
    assert answer.json() == {"status": "RETRY", "reason": "the handler returned RETRY"}


@pytest.mark.parametrize(
    ("scope", "running", "test"),
    [
        ({}, False, False),
        ({"extensions": None}, False, False),
        ({"extensions": {"http.response.push": {}}}, False, False),
        (OF_A_TEST_CLIENT, False, True),
        ({}, True, True),
    ],
)
def test_what_comes_from_a_test(
    monkeypatch: pytest.MonkeyPatch, scope: dict[str, Any], running: bool, test: bool
) -> None:
    if not running:
        monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert comes_from_a_test(scope) is test


def test_a_service_that_a_test_starts_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_pytest_running()
    monkeypatch.delitem(sys.modules, "pytest")
    assert not is_pytest_running()
