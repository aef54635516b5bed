"""The tasks in their database. A change is committed when its method returns; the methods block."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from backend.database import Database
from backend.models import TaskRow
from backend.schemas import NewTask, TaskChanges, TaskPage, TaskQuery
from events import Task, TaskEvent


class TaskNotFound(Exception):
    def __init__(self, task_id: int) -> None:
        super().__init__(f"there is no task {task_id}")


@dataclass(frozen=True, slots=True)
class Change:
    """A task after it was asked to change; `event` is None if it was like that already."""

    task: Task
    event: TaskEvent | None


class TaskStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, new: NewTask) -> Change:
        now = datetime.now(UTC)
        row = TaskRow(**new.model_dump(), created_at=now, updated_at=now)
        with self._database.writing() as session:
            session.add(row)
        task = _task(row)
        return Change(task, TaskEvent.of("created", task))

    def page(self, query: TaskQuery) -> TaskPage:
        matching = _matching(query)
        rows = matching.order_by(TaskRow.id.desc()).limit(query.limit).offset(query.offset)
        with self._database.reading() as session:
            total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
            items = [_task(row) for row in session.scalars(rows)]
        return TaskPage(items=items, total=total, limit=query.limit, offset=query.offset)

    def get(self, task_id: int) -> Task:
        """Raises TaskNotFound, as the methods below do."""
        with self._database.reading() as session:
            return _task(_row(session, task_id))

    def update(self, task_id: int, changes: TaskChanges) -> Change:
        with self._database.writing() as session:
            row = _row(session, task_id, for_update=True)
            changed = _apply(row, changes)
        task = _task(row)
        return Change(task, TaskEvent.of("updated", task) if changed else None)

    def complete(self, task_id: int) -> Change:
        with self._database.writing() as session:
            row = _row(session, task_id, for_update=True)
            changed = _apply(row, TaskChanges(completed=True))
        task = _task(row)
        return Change(task, TaskEvent.of("completed", task) if changed else None)

    def delete(self, task_id: int) -> Change:
        with self._database.writing() as session:
            row = _row(session, task_id, for_update=True)
            task = _task(row)
            session.delete(row)
        return Change(task, TaskEvent.of("deleted", task))


def _matching(query: TaskQuery) -> Select[TaskRow]:
    statement = select(TaskRow)
    if query.completed is not None:
        statement = statement.where(TaskRow.completed == query.completed)
    if query.text:
        anywhere = (
            column.icontains(query.text, autoescape=True) for column in (TaskRow.title, TaskRow.description)
        )
        statement = statement.where(or_(*anywhere))
    return statement


def _row(session: Session, task_id: int, *, for_update: bool = False) -> TaskRow:
    row = session.get(TaskRow, task_id, with_for_update=for_update)
    if row is None:
        raise TaskNotFound(task_id)
    return row


def _apply(row: TaskRow, changes: TaskChanges) -> bool:
    """Whether anything is different now."""
    different = {
        name: value
        for name, value in changes.model_dump(exclude_none=True).items()
        if getattr(row, name) != value
    }
    for name, value in different.items():
        setattr(row, name, value)
    if different:
        row.updated_at = datetime.now(UTC)
    return bool(different)


def _task(row: TaskRow) -> Task:
    return Task.model_validate(row, from_attributes=True)
