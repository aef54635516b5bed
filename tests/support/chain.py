"""Apps in a chain, whose hops are recorded: what the first one publishes ends at the third.

    backend ──tasks──► billing ──bills──► mail
                       billing ──tasks-dead──► operator ──tasks──► billing

`billing` fails at a task's first attempt, finds it poison at the second, and handles it when the operator has
published it again.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Drop, Event, Outboard, Sensitive
from outboard.clock import SystemClock

__all__ = ["Bill", "ShiftedClock", "Task", "backend", "billing", "mail", "operator"]


class ShiftedClock(SystemClock):
    """A clock that is wrong by so many hours."""

    def __init__(self, hours: float) -> None:
        self._shift = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._shift


class Task(BaseModel):
    number: int
    email: Annotated[str, Sensitive()] = "someone@example.org"


class Bill(BaseModel):
    task: int


def _app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


def backend(board: Outboard) -> FastAPI:
    app, tasks = _app(board), board.topic("tasks", Task)

    @app.post("/tasks/{number}")
    async def create(number: int) -> str:
        return (await tasks.publish(Task(number=number), key=str(number))).id

    return app


def billing(board: Outboard) -> FastAPI:
    app, tasks, bills = _app(board), board.topic("tasks", Task), board.topic("bills", Bill)
    given = Counter[str]()

    @tasks.subscribe("/tasks")
    async def on_task(event: Event[Task]) -> None:
        given[event.id] += 1
        if given[event.id] == 1:
            raise ConnectionError(f"the mail server does not know {event.data.email}")
        if given[event.id] == 2:
            raise Drop("the price is missing")
        await bills.publish(Bill(task=event.data.number), key=str(event.data.number))

    return app


def operator(board: Outboard) -> FastAPI:
    app, dead, tasks = _app(board), board.topic("tasks-dead", Task), board.topic("tasks", Task)

    @dead.subscribe("/dead")
    async def on_dead(event: Event[Task]) -> None:
        await tasks.publish_event(event, key=str(event.data.number))

    return app


def mail(board: Outboard) -> FastAPI:
    app, bills = _app(board), board.topic("bills", Bill)

    @bills.subscribe("/bills", bulk=True)
    async def on_bill(event: Event[Bill]) -> None:
        assert event.data.task

    return app
