"""The to-do system as a person runs it: the services in processes of their own, the sidecars between them."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.processes import PATIENCE, eventually, free_ports, running
from support.todo import EXAMPLE, TodoSystem, todo_system


@pytest.fixture(scope="module")
def todo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoSystem]:
    with todo_system(tmp_path_factory.mktemp("system") / "todo", APP_API_TOKEN="mine") as system:
        yield system


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def _notifications(client: httpx.Client, todo: TodoSystem, task_id: int, count: int) -> list[dict[str, Any]]:
    """The notifications about a task, oldest first, once that is `count`."""

    def enough() -> list[dict[str, Any]] | None:
        latest = client.get(f"{todo.notification}/notifications").json()
        about = [item for item in latest if item["task_id"] == task_id]
        return about[::-1] if len(about) >= count else None

    found = eventually(enough, lambda: todo.program.output, todo.program)
    assert found is not None
    return found


def test_todo_each_change_arrives_in_order_with_the_whole_task(
    client: httpx.Client, todo: TodoSystem
) -> None:
    tasks = f"{todo.backend}/tasks"
    created = client.post(tasks, json={"title": "Milk", "description": "two litres"})
    task = created.json()
    updated = client.patch(f"{tasks}/{task['id']}", json={"title": "Oat milk"}).json()
    completed = client.post(f"{tasks}/{task['id']}/complete").json()
    deleted = client.delete(f"{tasks}/{task['id']}")

    events = _notifications(client, todo, task["id"], 4)

    assert (created.status_code, deleted.status_code) == (201, 204)
    assert [event["action"] for event in events] == ["created", "updated", "completed", "deleted"]
    assert [event["data"] for event in events] == [task, updated, completed, completed]
    assert {event["source"] for event in events} == {"backend"}
    assert len({event["event_id"] for event in events}) == 4
    assert client.get(f"{tasks}/{task['id']}").status_code == 404
    for line in ("Published to task-events: ", "TASK EVENT RECEIVED", "Event: created"):
        todo.program.wait_for(line)


def test_todo_notification_service_announces_its_subscription(client: httpx.Client, todo: TodoSystem) -> None:
    expected = {"pubsubname": "kafka-pubsub", "topic": "task-events", "route": "/events/task"}

    url = f"{todo.notification}/dapr/subscribe"
    subscriptions = client.get(url, headers={"dapr-api-token": "mine"}).json()
    assert expected in subscriptions
    assert {each["topic"] for each in subscriptions} == {"task-events", "task-events-dead"}
    assert client.get(url).status_code == 401


def test_todo_state_api_keeps_any_json_object(client: httpx.Client, todo: TodoSystem) -> None:
    url = f"{todo.backend}/api/state/ana"
    value = {"theme": "dark", "nested": {"list": [1, 2.5, None, "ü"]}}

    assert client.get(url).status_code == 404
    saved = client.post(url, json=value)
    assert (saved.status_code, saved.json()) == (200, {"success": True})
    assert client.get(url).json() == value
    assert client.post(url, json=[1]).status_code == 422
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_todo_stream_goes_on_where_it_was_left(client: httpx.Client, todo: TodoSystem) -> None:
    task = client.post(f"{todo.backend}/tasks", json={"title": "First"}).json()
    _notifications(client, todo, task["id"], 1)
    position = _streamed(client, todo, {}, task["id"])[0]
    client.post(f"{todo.backend}/tasks/{task['id']}/complete").raise_for_status()

    _, event = _streamed(client, todo, {"Last-Event-ID": position}, task["id"])

    assert event["action"] == "completed"


def _streamed(
    client: httpx.Client, todo: TodoSystem, headers: dict[str, str], task_id: int
) -> tuple[str, dict[str, Any]]:
    """Position and data of the first streamed event about a task."""
    position = ""
    with client.stream("GET", f"{todo.notification}/notifications/stream", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("id: "):
                position = line.removeprefix("id: ")
            if (
                line.startswith("data: ")
                and (event := json.loads(line.removeprefix("data: ")))["task_id"] == task_id
            ):
                return position, event
    raise AssertionError("the stream ended")


def test_todo_run_ends_at_once_although_a_page_is_open(tmp_path: Path, client: httpx.Client) -> None:
    with (
        todo_system(tmp_path / "todo") as todo,
        client.stream("GET", f"{todo.notification}/notifications/stream") as stream,
    ):
        next(stream.iter_raw())
        code = todo.program.interrupt()

    assert code == 0, todo.program.output
    assert "Traceback" not in todo.program.output


def test_todo_tasks_survive_a_restart(tmp_path: Path, client: httpx.Client) -> None:
    with todo_system(tmp_path / "todo") as todo:
        task = client.post(f"{todo.backend}/tasks", json={"title": "Still here"}).json()
    database = f"sqlite:///{tmp_path / 'todo' / 'todo.db'}"
    port, nobody = free_ports(2)
    variables = {"APP_PORT": str(port), "DAPR_HTTP_PORT": str(nobody), "DATABASE_URL": database}
    with running([sys.executable, "-m", "backend"], EXAMPLE, **variables) as backend:
        url = f"http://127.0.0.1:{port}/tasks"
        again = eventually(lambda: _get(client, f"{url}/{task['id']}"), lambda: backend.output, backend)

    assert again == task


@pytest.fixture(params=["nobody listens", "nobody answers"])
def absent_sidecar(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a sidecar that is of no help."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            listener.listen()
        yield listener.getsockname()[1]


def test_todo_task_is_created_while_the_sidecar_is_away(
    tmp_path: Path, client: httpx.Client, absent_sidecar: int
) -> None:
    (port,) = free_ports(1)
    variables = {
        "APP_PORT": str(port),
        "DAPR_HTTP_PORT": str(absent_sidecar),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'todo.db'}",
    }
    with running([sys.executable, "-m", "backend"], EXAMPLE, **variables) as backend:
        url = f"http://127.0.0.1:{port}/tasks"
        eventually(lambda: _get(client, url), lambda: backend.output, backend)

        answer = client.post(url, json={"title": "Milk"}, timeout=PATIENCE)

        assert answer.status_code == 201
        assert client.get(f"{url}/{answer.json()['id']}").json() == answer.json()
        backend.wait_for("WARNING: 'kafka-pubsub' takes no events of the outbox for now; they are kept")
        assert "Published to task-events" not in backend.output


def _get(client: httpx.Client, url: str) -> Any:
    try:
        return client.get(url).json()
    except httpx.TransportError:
        return None
