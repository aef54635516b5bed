"""What the services of the to-do system tell each other: the event on the topic `task-events`."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel

PUBSUB: Final = "kafka-pubsub"
"""The pub/sub component's name, unless DAPR_PUBSUB_NAME says otherwise; whatever broker is behind it."""

TASK_EVENTS: Final = "task-events"

Action: TypeAlias = Literal["created", "updated", "completed", "deleted"]


class Task(BaseModel):
    """A task as everybody sees it: the backend's clients, and whoever takes its events."""

    id: int
    title: str
    description: str
    completed: bool
    created_at: datetime
    updated_at: datetime


class TaskEvent(BaseModel):
    """Something happened to a task. `data` is the whole task after it; for `deleted`, the task that was."""

    action: Action
    task_id: int
    data: Task

    @classmethod
    def of(cls, action: Action, task: Task) -> TaskEvent:
        return cls(action=action, task_id=task.id, data=task)
