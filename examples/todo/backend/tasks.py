"""Tasks over HTTP. Each change is committed first, then told to everybody else on `task-events`."""

from __future__ import annotations

import logging
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from backend.board import task_events
from backend.schemas import NewTask, TaskChanges, TaskPage, TaskQuery
from backend.store import Change, TaskStore
from events import Task, TaskEvent
from outboard import SidecarError

PUBLISH_TIMEOUT: Final = 0.5
"""Seconds. The task is stored already: whoever waits for the answer must not wait for a sidecar too."""

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/tasks", tags=["tasks"])


def task_store(request: Request) -> TaskStore:
    store: TaskStore = request.app.state.tasks
    return store


Tasks = Annotated[TaskStore, Depends(task_store)]
TaskId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("", status_code=201)
async def create_task(new: NewTask, tasks: Tasks) -> Task:
    return await announced(await run_in_threadpool(tasks.create, new))


@router.get("")
def list_tasks(query: Annotated[TaskQuery, Query()], tasks: Tasks) -> TaskPage:
    return tasks.page(query)


@router.get("/{task_id}")
def get_task(task_id: TaskId, tasks: Tasks) -> Task:
    return tasks.get(task_id)


@router.put("/{task_id}")
async def replace_task(task_id: TaskId, new: NewTask, tasks: Tasks) -> Task:
    return await announced(await run_in_threadpool(tasks.update, task_id, TaskChanges(**new.model_dump())))


@router.patch("/{task_id}")
async def update_task(task_id: TaskId, changes: TaskChanges, tasks: Tasks) -> Task:
    return await announced(await run_in_threadpool(tasks.update, task_id, changes))


@router.post("/{task_id}/complete")
async def complete_task(task_id: TaskId, tasks: Tasks) -> Task:
    return await announced(await run_in_threadpool(tasks.complete, task_id))


@router.delete("/{task_id}", status_code=204)
async def delete_task(task_id: TaskId, tasks: Tasks) -> None:
    await announced(await run_in_threadpool(tasks.delete, task_id))


async def announced(change: Change) -> Task:
    """The changed task, once the sidecar has taken the event of the change, or has not in time."""
    if change.event is not None:
        await publish(change.event)
    return change.task


async def publish(event: TaskEvent) -> None:
    try:
        await task_events.publish(event, key=str(event.task_id), timeout=PUBLISH_TIMEOUT)
    except SidecarError as error:
        logger.warning(
            "Not published to %s: %s (task %d): %s", task_events.name, event.action, event.task_id, error
        )
    else:
        logger.info("Published to %s: %s (task %d)", task_events.name, event.action, event.task_id)
