"""The backend's application, put together."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backend import page, preferences, tasks
from backend.board import board, database
from backend.models import Base
from backend.store import TaskNotFound, TaskStore
from outboard import SidecarError, SidecarUnavailable
from outboard.errors import InvalidName

DEFAULT_NOTIFICATION_URL: Final = "http://localhost:8001"


def create_app(notification_url: str = DEFAULT_NOTIFICATION_URL) -> FastAPI:
    """`notification_url` is the address of the notification service as a browser sees it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with database.open(Base.metadata):
            async with board.lifespan(app):
                yield

    app = FastAPI(title="To-do backend", lifespan=lifespan)
    app.state.tasks = TaskStore(database)
    app.state.notification_url = notification_url
    app.include_router(tasks.router)
    app.include_router(preferences.router)
    app.include_router(page.router)
    app.mount("/static", page.static_files)
    app.add_exception_handler(RequestValidationError, unprocessable)
    app.add_exception_handler(TaskNotFound, not_found)
    app.add_exception_handler(InvalidName, invalid_key)
    app.add_exception_handler(SidecarError, sidecar_failed)
    board.mount(app)
    return app


async def unprocessable(request: Request, error: Exception) -> Response:
    """FastAPI's own answer, which repeats what was sent, escaped: half a surrogate pair has no UTF-8."""
    assert isinstance(error, RequestValidationError)
    detail = json.dumps({"detail": jsonable_encoder(error.errors())})
    return Response(detail, status_code=422, media_type="application/json")


async def not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


async def invalid_key(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=422)


async def sidecar_failed(request: Request, error: Exception) -> JSONResponse:
    status = 503 if isinstance(error, SidecarUnavailable) else 502
    return JSONResponse({"detail": str(error)}, status_code=status)
