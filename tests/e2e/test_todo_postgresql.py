"""The database of the to-do system is PostgreSQL: its API answers as on SQLite, and two may start at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, event, inspect, text

from database import Database
from outboard import Outbox
from support.processes import eventually
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


def test_todo_of_two_that_start_on_an_empty_postgresql_the_second_waits(postgresql_url: str) -> None:
    """The first has made its tables, but not committed, while the second looks what is missing."""
    first, second, metadata = Database(postgresql_url), Database(postgresql_url), MetaData()
    Table("things", metadata, Column("id", Integer, primary_key=True))
    Outbox(first.engine, metadata=metadata)
    made, watcher = threading.Event(), create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def second_waits() -> bool:
        with watcher.connect() as connection:
            return bool(connection.execute(waiting).scalar())

    def hold(*_: object, **__: object) -> None:
        made.set()
        eventually(second_waits, lambda: "the second does not wait")

    def start(database: Database) -> None:
        with database.open(metadata):
            pass

    event.listen(metadata, "after_create", hold, once=True)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(start, first)]
        assert made.wait(30)
        both.append(threads.submit(start, second))
        for each in both:
            each.result()

    assert set(metadata.tables) == set(inspect(watcher).get_table_names())
    watcher.dispose()
