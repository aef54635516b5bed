"""The tasks in SQLite: what is committed, what is found, and several who write at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.models import Base
from backend.schemas import NewTask, TaskChanges, TaskQuery
from backend.store import TaskNotFound, TaskStore
from database import Database
from events import Action, Task, TaskEvent


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[TaskStore]:
    database = Database(f"sqlite:///{tmp_path / 'todo.db'}")
    with database.open(Base.metadata):
        yield TaskStore(database)


def staged(tasks: TaskStore) -> list[TaskEvent]:
    """The events that wait in the outbox, in their order."""
    with tasks.database.reading() as session:
        bodies = session.scalars(text("SELECT body FROM outboard_outbox ORDER BY sequence")).all()
    return [TaskEvent.model_validate(json.loads(body)["data"]) for body in bodies]


def titles(tasks: TaskStore, **query: object) -> list[str]:
    return [task.title for task in tasks.page(TaskQuery.model_validate(query)).items]


def test_task_survives_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'todo.db'}"
    with (first := Database(url)).open(Base.metadata):
        created = TaskStore(first).create(NewTask(title="milk"))
    with (second := Database(url)).open(Base.metadata):
        assert TaskStore(second).get(created.id) == created


def test_page_has_the_newest_first_and_counts_all(tasks: TaskStore) -> None:
    for number in range(5):
        tasks.create(NewTask(title=str(number)))

    page = tasks.page(TaskQuery(limit=2, offset=1))

    assert [task.title for task in page.items] == ["3", "2"]
    assert page.total == 5


def test_text_is_found_in_title_and_description_whatever_its_case(tasks: TaskStore) -> None:
    tasks.create(NewTask(title="Buy MILK"))
    tasks.create(NewTask(title="Shopping", description="milk, bread"))
    tasks.create(NewTask(title="100% wool"))

    assert titles(tasks, text="milk") == ["Shopping", "Buy MILK"]
    assert titles(tasks, text="0%") == ["100% wool"]
    assert titles(tasks, text="_") == []


def test_text_and_completed_narrow_together(tasks: TaskStore) -> None:
    tasks.create(NewTask(title="milk one", completed=True))
    tasks.create(NewTask(title="milk two"))

    assert titles(tasks, text="milk", completed=False) == ["milk two"]
    assert titles(tasks, completed=True) == ["milk one"]


def test_each_change_is_committed_with_its_event_and_no_change_with_none(tasks: TaskStore) -> None:
    task = tasks.create(NewTask(title="milk"))
    tasks.update(task.id, TaskChanges(title="milk"))
    tasks.complete(task.id)
    tasks.complete(task.id)
    tasks.delete(task.id)

    assert [event.action for event in staged(tasks)] == ["created", "completed", "deleted"]


def test_what_is_not_committed_is_not_told(tasks: TaskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(action: Action, task: Task) -> TaskEvent:
        raise RuntimeError("after the row was written")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(TaskEvent, "of", fail)
        tasks.create(NewTask(title="milk"))

    assert titles(tasks) == []
    assert staged(tasks) == []


def test_the_id_of_a_deleted_task_does_not_come_back(tasks: TaskStore) -> None:
    first = tasks.create(NewTask(title="milk"))
    tasks.delete(first.id)

    assert tasks.create(NewTask(title="bread")).id > first.id
    with pytest.raises(TaskNotFound, match=f"there is no task {first.id}"):
        tasks.get(first.id)


def test_those_who_write_at_once_wait_for_each_other(tasks: TaskStore) -> None:
    task = tasks.create(NewTask(title="0"))

    def lengthen(_: int) -> None:
        tasks.update(task.id, TaskChanges(title=f"{tasks.get(task.id).title[:50]}x"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lengthen, range(64)))

    assert set(tasks.get(task.id).title) == {"0", "x"}
