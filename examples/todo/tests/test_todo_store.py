"""The tasks in SQLite: what is committed, what is found, and several who write at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.database import Database
from backend.schemas import NewTask, TaskChanges, TaskQuery
from backend.store import TaskNotFound, TaskStore


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[TaskStore]:
    database = Database(f"sqlite:///{tmp_path / 'todo.db'}")
    with database.open():
        yield TaskStore(database)


def titles(tasks: TaskStore, **query: object) -> list[str]:
    return [task.title for task in tasks.page(TaskQuery.model_validate(query)).items]


def test_task_survives_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'todo.db'}"
    with (first := Database(url)).open():
        created = TaskStore(first).create(NewTask(title="milk")).task
    with (second := Database(url)).open():
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


def test_a_change_that_changes_nothing_has_no_event(tasks: TaskStore) -> None:
    task = tasks.create(NewTask(title="milk")).task

    assert tasks.update(task.id, TaskChanges(title="milk")).event is None
    assert tasks.complete(task.id).event is not None
    assert tasks.complete(task.id).event is None


def test_the_id_of_a_deleted_task_does_not_come_back(tasks: TaskStore) -> None:
    first = tasks.create(NewTask(title="milk")).task
    tasks.delete(first.id)

    assert tasks.create(NewTask(title="bread")).task.id > first.id
    with pytest.raises(TaskNotFound, match=f"there is no task {first.id}"):
        tasks.get(first.id)


def test_those_who_write_at_once_wait_for_each_other(tasks: TaskStore) -> None:
    task = tasks.create(NewTask(title="0")).task

    def lengthen(_: int) -> None:
        tasks.update(task.id, TaskChanges(title=f"{tasks.get(task.id).title[:50]}x"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lengthen, range(64)))

    assert set(tasks.get(task.id).title) == {"0", "x"}
