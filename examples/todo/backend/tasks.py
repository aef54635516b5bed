"""Tasks over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from backend.schemas import NewTask, TaskChanges, TaskPage, TaskQuery
from backend.store import TaskStore
from events import Task

router = APIRouter(prefix="/tasks", tags=["tasks"])


def task_store(request: Request) -> TaskStore:
    store: TaskStore = request.app.state.tasks
    return store


Tasks = Annotated[TaskStore, Depends(task_store)]
TaskId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("", status_code=201)
def create_task(new: NewTask, tasks: Tasks) -> Task:
    return tasks.create(new)


@router.get("")
def list_tasks(query: Annotated[TaskQuery, Query()], tasks: Tasks) -> TaskPage:
    return tasks.page(query)


@router.get("/{task_id}")
def get_task(task_id: TaskId, tasks: Tasks) -> Task:
    return tasks.get(task_id)


@router.put("/{task_id}")
def replace_task(task_id: TaskId, new: NewTask, tasks: Tasks) -> Task:
    return tasks.update(task_id, TaskChanges(**new.model_dump()))


@router.patch("/{task_id}")
def update_task(task_id: TaskId, changes: TaskChanges, tasks: Tasks) -> Task:
    return tasks.update(task_id, changes)


@router.post("/{task_id}/complete")
def complete_task(task_id: TaskId, tasks: Tasks) -> Task:
    return tasks.complete(task_id)


@router.delete("/{task_id}", status_code=204)
def delete_task(task_id: TaskId, tasks: Tasks) -> None:
    tasks.delete(task_id)
