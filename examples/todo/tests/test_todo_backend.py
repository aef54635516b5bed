"""The backend with the real sidecar beside it: its API, and what it publishes."""

from __future__ import annotations

import logging

import httpx
import pytest

from backend.board import task_events
from events import Task, TaskEvent
from outboard.testing import Harness

pytestmark = pytest.mark.anyio


async def test_each_change_is_published_with_the_whole_task(
    outboard: Harness, backend_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    created = await backend_client.post("/tasks", json={"title": " Milk ", "description": "two litres"})
    path = f"/tasks/{created.json()['id']}"
    replaced = await backend_client.put(path, json={"title": "Oat milk"})
    updated = await backend_client.patch(path, json={"description": "three litres"})
    completed = await backend_client.post(f"{path}/complete")
    deleted = await backend_client.delete(path)
    await outboard.settled()

    assert (created.status_code, deleted.status_code) == (201, 204)
    assert [event.data for event in outboard.published(task_events)] == [
        event_of("created", created),
        event_of("updated", replaced),
        event_of("updated", updated),
        event_of("completed", completed),
        event_of("deleted", completed),
    ]
    assert created.json()["title"] == "Milk"
    assert (replaced.json()["title"], replaced.json()["description"]) == ("Oat milk", "")
    assert [line for line in caplog.messages if line.startswith("Published to task-events: ")]


def event_of(action: str, answer: httpx.Response) -> TaskEvent:
    task = Task.model_validate(answer.json())
    return TaskEvent.model_validate({"action": action, "task_id": task.id, "data": task})


async def test_what_changes_nothing_is_not_published(
    outboard: Harness, backend_client: httpx.AsyncClient
) -> None:
    await backend_client.post("/tasks", json={"title": "Milk", "completed": True})
    await backend_client.post("/tasks/1/complete")
    await backend_client.patch("/tasks/1", json={"title": "Milk"})
    await outboard.settled()

    assert [event.data.action for event in outboard.published(task_events)] == ["created"]


async def test_what_is_refused_is_not_published(outboard: Harness, backend_client: httpx.AsyncClient) -> None:
    answers = [
        await backend_client.post("/tasks", json={"title": "  "}),
        await backend_client.post("/tasks", json={"title": "x" * 201}),
        await backend_client.post("/tasks", content=b'{"title": "\\ud800"}'),
        await backend_client.post("/tasks", json={"title": "\x00"}),
        await backend_client.post("/tasks", content=b"{"),
        await backend_client.patch("/tasks/0", json={}),
        await backend_client.delete(f"/tasks/{2**63}"),
        await backend_client.patch("/tasks/1", json={"title": "Milk"}),
        await backend_client.delete("/tasks/1"),
    ]

    await outboard.settled()

    assert [answer.status_code for answer in answers] == [422] * 7 + [404] * 2
    assert answers[-1].json() == {"detail": "there is no task 1"}
    assert outboard.published(task_events) == []


async def test_tasks_are_listed_by_page_and_filter(backend_client: httpx.AsyncClient) -> None:
    for number in range(5):
        await backend_client.post("/tasks", json={"title": f"Task {number}", "completed": number % 2 == 0})

    page = (await backend_client.get("/tasks?completed=true&text=task&limit=2&offset=1")).json()

    assert [task["title"] for task in page["items"]] == ["Task 2", "Task 0"]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)
    assert (await backend_client.get("/tasks", params={"limit": 201})).status_code == 422


async def test_any_json_object_is_kept_under_its_key(backend_client: httpx.AsyncClient) -> None:
    value = {"theme": "dark", "nested": {"list": [1, 2.5, None, "ü"]}, "empty": {}}

    saved = await backend_client.post("/api/state/ana", json=value)

    assert (saved.status_code, saved.json()) == (200, {"success": True})
    assert (await backend_client.get("/api/state/ana")).json() == value
    assert (await backend_client.delete("/api/state/ana")).status_code == 204
    assert (await backend_client.get("/api/state/ana")).status_code == 404
    assert (await backend_client.delete("/api/state/ana")).status_code == 204


@pytest.mark.parametrize("body", [b"[1]", b'"text"', b"null", b"{", b""])
async def test_only_a_json_object_is_kept(backend_client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    assert (await backend_client.post("/api/state/ana", content=body, headers=headers)).status_code == 422
    assert (await backend_client.get("/api/state/ana")).status_code == 404


async def test_a_key_that_dapr_reserves_is_refused(backend_client: httpx.AsyncClient) -> None:
    answer = await backend_client.post("/api/state/a%7C%7Cb", json={})

    assert answer.status_code == 422
    assert "||" in answer.json()["detail"]


async def test_page_is_told_where_the_notifications_are(backend_client: httpx.AsyncClient) -> None:
    assert (await backend_client.get("/api/settings")).json() == {"notifications": "http://localhost:8001"}
    assert "<title>To-do</title>" in (await backend_client.get("/")).text
    assert (await backend_client.get("/static/app.js")).status_code == 200
