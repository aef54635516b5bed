"""The tasks of the to-do system in PostgreSQL, as in SQLite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from backend.database import Database
from backend.schemas import NewTask, TaskQuery
from backend.store import TaskStore


def test_todo_tasks_live_in_postgresql(postgresql_url: str) -> None:
    database = Database(postgresql_url.replace("postgresql+psycopg://", "postgresql://"))
    with database.open():
        tasks = TaskStore(database)
        milk = tasks.create(NewTask(title="Milk 100%", description="ÄÖÜ")).task
        bread = tasks.create(NewTask(title="Bread")).task

        done = tasks.complete(milk.id).task

        assert tasks.get(milk.id) == done
        assert done.created_at == milk.created_at
        assert done.created_at.utcoffset() == timedelta(0)
        assert [task.title for task in tasks.page(TaskQuery(text="MILK 1")).items] == ["Milk 100%"]
        assert [task.id for task in tasks.page(TaskQuery(completed=False)).items] == [bread.id]
        assert tasks.delete(bread.id).task == bread
        assert tasks.page(TaskQuery()).total == 1


def test_todo_writers_on_postgresql_wait_for_each_other(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with database.open(), ThreadPoolExecutor(4) as threads:
        tasks = TaskStore(database)
        task = tasks.create(NewTask(title="0")).task

        changes = threads.map(lambda _: tasks.complete(task.id), range(8))

        assert [change.event is None for change in changes].count(False) == 1
