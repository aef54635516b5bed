"""A test that has no sidecar is told of the fixture that has one, at once, whatever it asked for."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from outboard import NotConnected, Outboard, Outbox, SidecarUnavailable
from outboard.errors import NoSidecarInTest, NotConnectedInTest
from outboard.kit.client.settings import Settings

pytestmark = pytest.mark.anyio

FIXTURE = "the pytest fixture `outboard`"


@pytest.fixture
def free_port() -> Iterator[int]:
    """One at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def endpoint(free_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sidecar's default address at which nobody listens, whatever else runs on this machine."""
    endpoint, read = f"http://127.0.0.1:{free_port}", Settings.from_environ
    monkeypatch.setattr(Settings, "from_environ", lambda environ: replace(read(environ), endpoint=endpoint))
    return endpoint


def app_of(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @app.post("/tasks")
    async def create() -> None:
        await board.publish("tasks", 1)

    return app


async def test_publishing(endpoint: str) -> None:
    board = Outboard(environ={})
    async with board.connected():
        with pytest.raises(NoSidecarInTest, match=FIXTURE) as caught:
            await board.publish("tasks", 1, timeout=3_600)
    assert isinstance(caught.value, SidecarUnavailable)
    assert caught.value.address == endpoint
    assert "POST /v1.0/publish/pubsub/tasks did not happen" in str(caught.value)


async def test_many_events_at_once(endpoint: str) -> None:
    board = Outboard(environ={})
    async with board.connected():
        publishing = [board.publish("tasks", number, timeout=3_600) for number in range(10)]
        raised = await asyncio.gather(*publishing, return_exceptions=True)
    assert [type(each) for each in raised] == [NoSidecarInTest] * 10


async def test_state(endpoint: str) -> None:
    board = Outboard(environ={})
    async with board.connected():
        with pytest.raises(NoSidecarInTest, match=r"GET /v1\.0/state/statestore/ana did not happen"):
            await board.state().get("ana", timeout=3_600)


async def test_an_app_under_asgi_transport(endpoint: str) -> None:
    board = Outboard(environ={}, timeout=3_600)
    app = app_of(board)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://a") as client,
    ):
        with pytest.raises(NoSidecarInTest):
            await client.post("/tasks")


async def test_a_relay(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'app.db'}")
    Outbox.make_durable(engine)
    outbox = Outbox(engine)
    board = Outboard(environ={}, outbox=outbox)
    tasks = board.topic("tasks")
    app = app_of(board)
    outbox.metadata.create_all(engine)
    said, loop = asyncio.Event(), asyncio.get_running_loop()
    handler = logging.Handler()
    monkeypatch.setattr(
        handler,
        "emit",
        lambda record: FIXTURE in record.getMessage() and loop.call_soon_threadsafe(said.set),
    )
    logging.getLogger("outboard").addHandler(handler)
    with Session(engine) as session, session.begin():
        tasks.stage(session, 1)
    async with app.router.lifespan_context(app), asyncio.timeout(30):
        await said.wait()
    logging.getLogger("outboard").removeHandler(handler)
    engine.dispose()


async def test_an_app_whose_lifespan_does_not_run() -> None:
    app = app_of(Outboard(environ={}))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
    async with client:
        with pytest.raises(NotConnectedInTest, match=FIXTURE):
            await client.post("/tasks")


async def test_a_sidecar_that_the_environment_names_is_waited_for(free_port: int) -> None:
    board = Outboard(environ={"DAPR_HTTP_PORT": str(free_port)})
    async with board.connected():
        with pytest.raises(SidecarUnavailable, match=r"within 0\.\d s .*the pytest fixture") as caught:
            await board.publish("tasks", 1, timeout=0.2)
    assert type(caught.value) is SidecarUnavailable


async def test_outside_of_tests_nothing_is_said_of_them(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    board = Outboard(environ={})
    with pytest.raises(NotConnected) as unconnected:
        await board.publish("tasks", 1)
    async with board.connected():
        with pytest.raises(SidecarUnavailable) as caught:
            await board.publish("tasks", 1, timeout=0.2)
    assert type(caught.value) is SidecarUnavailable
    assert type(unconnected.value) is NotConnected
