"""Fixtures of the kit's tests: a board, and an app served in process with a scripted sidecar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from outboard import Outboard
from support.scripted import FakeClock, ScriptedExchange
from support.serving import Serving


@pytest.fixture(autouse=True)
def as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are those to a sidecar in production: a test is told more."""
    monkeypatch.setattr("outboard.kit.subscriptions.deliveries.comes_from_a_test", lambda scope: False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def exchange() -> ScriptedExchange:
    return ScriptedExchange()


@pytest.fixture
def board(clock: FakeClock) -> Outboard:
    return Outboard(app_id="todo", environ={}, clock=clock)


@pytest.fixture
def serving(exchange: ScriptedExchange) -> Serving:
    """Runs an app with its lifespan, connected to the scripted sidecar; gives a client of the app."""

    @asynccontextmanager
    async def serve(app: FastAPI, board: Outboard) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app)
        async with (
            board.connected(exchange=exchange),
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            yield client

    return serve


@pytest.fixture
def envelope() -> dict[str, Any]:
    """A task event as a sidecar delivers it."""
    return {
        "id": "e-1",
        "source": "backend",
        "specversion": "1.0",
        "type": "task.created",
        "datacontenttype": "application/json",
        "topic": "tasks",
        "pubsubname": "pubsub",
        "data": {"id": 1, "title": "milk"},
    }
