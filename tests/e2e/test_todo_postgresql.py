"""The backend's database is PostgreSQL, as it is SQLite: its API answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.todo_processes import BACKEND, TodoProcesses, todo_processes


@pytest.fixture
def todo(tmp_path: Path, postgresql_url: str) -> Iterator[TodoProcesses]:
    """The backend alone."""
    url = postgresql_url.replace("postgresql+psycopg://", "postgresql://")
    with todo_processes(tmp_path, "local", databases={BACKEND: url}) as system:
        system.start(BACKEND)
        yield system


def test_todo_tasks_live_in_postgresql(todo: TodoProcesses) -> None:
    tasks = f"{todo.url(BACKEND)}/tasks"
    milk = todo.http.post(tasks, json={"title": "Milk 100%", "description": "ÄÖÜ"}).json()
    bread = todo.create("Bread")

    done = todo.http.post(f"{tasks}/{milk['id']}/complete").json()

    assert todo.http.get(f"{tasks}/{milk['id']}").json() == done == {**milk, **done, "completed": True}
    assert datetime.fromisoformat(done["created_at"]).utcoffset() == timedelta(0)
    found = todo.http.get(tasks, params={"text": "MILK 1"}).json()["items"]
    assert [task["title"] for task in found] == ["Milk 100%"]
    open_ones = todo.http.get(tasks, params={"completed": False}).json()["items"]
    assert [task["id"] for task in open_ones] == [bread["id"]]
    assert todo.http.delete(f"{tasks}/{bread['id']}").status_code == 204
    assert todo.http.get(tasks).json()["total"] == 1


def test_todo_writers_on_postgresql_wait_for_each_other(todo: TodoProcesses) -> None:
    task = todo.create("0")
    url = f"{todo.url(BACKEND)}/tasks/{task['id']}/complete"
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: todo.http.post(url), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["updated_at"] for answer in answers}) == 1
