"""What the tests of the to-do system share: a client of each service, with the real sidecar beside it."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import mkdtemp

import httpx
import pytest
from fastapi import FastAPI

from outboard.testing import Harness

FOLDER = Path(mkdtemp(prefix="todo-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

with pytest.MonkeyPatch.context() as environment:
    environment.setenv("DATABASE_URL", f"sqlite:///{FOLDER / 'todo.db'}")
    import backend.board
    import backend.main
    import backend.models

    environment.setenv("DATABASE_URL", f"sqlite:///{FOLDER / 'notifications.db'}")
    import notification.board
    import notification.main
    import notification.models


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def backend_client(outboard: Harness) -> AsyncIterator[httpx.AsyncClient]:
    app = backend.main.create_app()
    backend.models.Base.metadata.drop_all(backend.board.database.engine)
    async with outboard.serving(app, backend.board.board, app_id="backend"), client_of(app) as client:
        yield client


@pytest.fixture
async def notification_client(outboard: Harness) -> AsyncIterator[httpx.AsyncClient]:
    app = notification.main.create_app()
    notification.models.Base.metadata.drop_all(notification.board.database.engine)
    async with (
        outboard.serving(app, notification.board.board, app_id="notification"),
        client_of(app) as client,
    ):
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
