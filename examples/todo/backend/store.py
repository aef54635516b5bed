"""The tasks in their database. A change and the event that tells of it are committed together, or neither is.

When a method returns, that has happened; the methods block. What is committed is published by the outbox.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from backend.board import task_events
from backend.models import TaskRow
from backend.schemas import NewTask, TaskChanges, TaskPage, TaskQuery
from database import Database
from events import Action, Task, TaskEvent


class TaskNotFound(Exception):
    def __init__(self, task_id: int) -> None:
        super().__init__(f"there is no task {task_id}")


class TaskStore:
    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, new: NewTask) -> Task:
        now = datetime.now(UTC)
        row = TaskRow(**new.model_dump(), created_at=now, updated_at=now)
        with self.database.writing() as session:
            session.add(row)
            session.flush()  # which gives it its id
            return _told(session, "created", row)

    def page(self, query: TaskQuery) -> TaskPage:
        matching = _matching(query)
        rows = matching.order_by(TaskRow.id.desc()).limit(query.limit).offset(query.offset)
        with self.database.reading() as session:
            total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
            items = [_task(row) for row in session.scalars(rows)]
        return TaskPage(items=items, total=total, limit=query.limit, offset=query.offset)

    def get(self, task_id: int) -> Task:
        """Raises TaskNotFound, as the methods below do."""
        with self.database.reading() as session:
            return _task(_row(session, task_id))

    def update(self, task_id: int, changes: TaskChanges) -> Task:
        """What changes nothing is no event."""
        with self.database.writing() as session:
            row = _row(session, task_id, for_update=True)
            return _told(session, "updated", row) if _apply(row, changes) else _task(row)

    def complete(self, task_id: int) -> Task:
        """What changes nothing is no event."""
        with self.database.writing() as session:
            row = _row(session, task_id, for_update=True)
            changed = _apply(row, TaskChanges(completed=True))
            return _told(session, "completed", row) if changed else _task(row)

    def delete(self, task_id: int) -> Task:
        with self.database.writing() as session:
            row = _row(session, task_id, for_update=True)
            session.delete(row)
            return _told(session, "deleted", row)


def _told(session: Session, action: Action, row: TaskRow) -> Task:
    """The task as it is now. Its event is in the transaction of `session`, in the order of its task."""
    task = _task(row)
    task_events.stage(session, TaskEvent.of(action, task), key=str(task.id))
    return task


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
