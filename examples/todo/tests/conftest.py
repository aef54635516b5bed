"""What the tests of the to-do system share: a client of each service, with the real sidecar beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import backend.board
import backend.main
import notification.board
import notification.main
from outboard.testing import Harness


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def backend_client(outboard: Harness, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = backend.main.create_app(f"sqlite:///{tmp_path / 'todo.db'}")
    async with outboard.serving(app, backend.board.board, app_id="backend"), client_of(app) as client:
        yield client


@pytest.fixture
async def notification_client(outboard: Harness) -> AsyncIterator[httpx.AsyncClient]:
    app = notification.main.create_app()
    async with (
        outboard.serving(app, notification.board.board, app_id="notification"),
        client_of(app) as client,
    ):
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
