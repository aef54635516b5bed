from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import outboard
from outboard import NotConnected, Outboard
from outboard.errors import InvalidName, SettingInvalid
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio


def test_names_that_are_given_win_over_the_environment() -> None:
    environ = {"APP_ID": "a", "DAPR_PUBSUB_NAME": "b", "DAPR_STATE_STORE_NAME": "c"}
    named = Outboard(app_id="x", pubsub="y", state_store="z", environ=environ).settings
    assert (named.app_id, named.pubsub, named.state_store) == ("x", "y", "z")
    found = Outboard(environ=environ).settings
    assert (found.app_id, found.pubsub, found.state_store) == ("a", "b", "c")


def test_the_environment_is_that_of_the_process_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_PUBSUB_NAME", "kafka-pubsub")
    assert Outboard().settings.pubsub == "kafka-pubsub"
    assert Outboard().topic("t").pubsub == "kafka-pubsub"
    assert Outboard().topic("t", pubsub="other").pubsub == "other"


def test_what_is_wrong_is_said_where_the_board_is_made() -> None:
    with pytest.raises(SettingInvalid, match="DAPR_HTTP_PORT"):
        Outboard(environ={"DAPR_HTTP_PORT": "x"})
    with pytest.raises(InvalidName):
        Outboard(pubsub="a||b", environ={})


async def test_the_one_that_was_given_goes_before_the_one_that_was_opened(
    board: Outboard, exchange: ScriptedExchange
) -> None:
    app = FastAPI()
    async with board.connected(exchange=exchange), board.lifespan(app):
        await board.publish("t", 1)
    async with board.lifespan(app), board.connected(exchange=exchange):
        await board.publish("t", 2)
    assert [event["data"] for event in exchange.events] == [1, 2]


async def test_scopes_may_overlap(board: Outboard) -> None:
    one, other = ScriptedExchange(), ScriptedExchange()
    first, second = board.connected(exchange=one), board.connected(exchange=other)
    await first.__aenter__()
    await second.__aenter__()
    await first.__aexit__(None, None, None)
    await board.publish("t", 1)
    await second.__aexit__(None, None, None)
    with pytest.raises(NotConnected):
        await board.publish("t", 2)
    assert (len(one.requests), len(other.requests)) == (0, 1)


async def test_the_connection_ends_with_its_scope_also_when_that_fails(
    board: Outboard, exchange: ScriptedExchange
) -> None:
    with pytest.raises(LookupError):
        async with board.connected(exchange=exchange):
            raise LookupError
    with pytest.raises(NotConnected):
        await board.publish("t", 1)


async def test_a_lifespan_of_the_author_s_own(board: Outboard, exchange: ScriptedExchange) -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with board.lifespan(app):
            steps.append("up")
            yield {"answer": 42}
            await board.publish("t", "goodbye")

    app = FastAPI(lifespan=lifespan)
    board.mount(app)
    async with board.connected(exchange=exchange), app.router.lifespan_context(app):
        assert steps == ["up"]
    assert [event["data"] for event in exchange.events] == ["goodbye"]


async def test_two_boards_share_nothing(exchange: ScriptedExchange) -> None:
    one, other = Outboard(environ={}), Outboard(environ={})
    async with one.connected(exchange=exchange):
        with pytest.raises(NotConnected):
            await other.publish("t", 1)


async def get(app: FastAPI, path: str) -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        return (await client.get(path)).status_code


async def test_an_app_starts_without_a_sidecar_and_is_healthy(board: Outboard) -> None:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with app.router.lifespan_context(app):
        assert await get(app, "/healthz") == 200
        assert await get(app, "/dapr/subscribe") == 200


async def test_the_health_path_is_the_author_s(board: Outboard) -> None:
    app = FastAPI()
    board.mount(app, health_path="/live")
    bare = FastAPI()
    board.mount(bare, health_path=None)
    assert [await get(app, "/live"), await get(app, "/healthz")] == [200, 404]
    assert await get(bare, "/healthz") == 404


async def test_publishing_does_not_hold_up_the_loop(board: Outboard, exchange: ScriptedExchange) -> None:
    release = asyncio.Event()

    async def slow(request: Any, timeout: float | None) -> Any:
        await release.wait()
        return await exchange(request, timeout)

    async with board.connected(exchange=slow), asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(board.publish("t", number))
        await asyncio.sleep(0)
        release.set()
    assert sorted(event["data"] for event in exchange.events) == [0, 1, 2]


def test_public_names_are_few_and_there() -> None:
    assert len(outboard.__all__) <= 25
    assert all(getattr(outboard, name) is not None for name in outboard.__all__)
    assert set(outboard.__all__) <= set(dir(outboard))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = outboard.no_such_name  # type: ignore[attr-defined]


def test_import_outboard_is_light() -> None:
    code = "import sys, outboard; print({'fastapi', 'aiohttp', 'pydantic'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_board_is_made_without_the_http_client() -> None:
    code = "import sys; from outboard import Outboard; Outboard(); print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
