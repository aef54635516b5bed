"""The fixture and its sessions under whoever runs tests: each in a run of pytest of its own."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

SERVICE = """
from typing import Annotated

from fastapi import Depends, FastAPI
from outboard import Event, Outboard

board = Outboard(app_id="shop", environ={})
orders, mails = board.topic("orders", int), board.topic("mails", str)
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


async def greeting() -> str:
    return "hello"


@app.post("/orders", status_code=201)
async def create(number: int) -> None:
    await orders.publish(number)


@app.post("/orders-in-a-thread", status_code=201)
def create_in_a_thread(number: int) -> None:
    orders.sync.publish(number)


@orders.subscribe("/orders-event")
async def on_order(event: Event[int], greeting: Annotated[str, Depends(greeting)]) -> None:
    await mails.publish(f"{greeting} {event.data}")
"""
ASYNC = """
import service


async def check(outboard):
    async with outboard.session(service.app) as s:
        await service.orders.publish(1)
    assert [event.data for event in s.published(service.mails)] == ["hello 1"]
"""
STRICT = "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function"


def run(pytester: pytest.Pytester, text: str, *arguments: str, ini: str = "") -> pytest.RunResult:
    """What pytest says of a module; without `ini`, without pytest-asyncio."""
    pytester.makepyfile(service=SERVICE)
    pytester.makeini(f"[pytest]\nfilterwarnings =\n    error\n    ignore:Using .httpx. with\n{ini}")
    (pytester.path / "test_a.py").write_text(dedent(text), encoding="utf-8")
    without = () if ini else ("-p", "no:asyncio")
    return pytester.runpytest_subprocess("-q", *without, *arguments)


def passes(result: pytest.RunResult, count: int) -> None:
    said = result.stdout.str() + result.stderr.str()
    assert result.ret == 0, said
    result.assert_outcomes(passed=count)


def test_anyio(pytester: pytest.Pytester) -> None:
    text = f"""{ASYNC}
import pytest


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_one(outboard):
    await check(outboard)
"""
    passes(run(pytester, text), 1)


def test_pytest_asyncio_strict(pytester: pytest.Pytester) -> None:
    text = f"""{ASYNC}
import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def served(outboard):
    async with outboard.session(service.app) as s:
        yield s


@pytest.mark.asyncio
async def test_one(outboard):
    await check(outboard)


@pytest.mark.asyncio
async def test_with_a_fixture(served):
    await service.orders.publish(2)
    await served.quiet()
    assert len(served.published(service.mails)) == 1
"""
    passes(run(pytester, text, ini=STRICT), 2)


def test_pytest_asyncio_auto(pytester: pytest.Pytester) -> None:
    text = ASYNC.replace("async def check", "async def test_one")
    passes(run(pytester, text, ini=STRICT.replace("strict", "auto")), 1)


def test_asyncio_run_in_a_synchronous_test(pytester: pytest.Pytester) -> None:
    text = f"""{ASYNC}
import asyncio


def test_one(outboard):
    asyncio.run(check(outboard))
"""
    passes(run(pytester, text), 1)


def test_xdist(pytester: pytest.Pytester) -> None:
    text = """
import pytest
import service


@pytest.mark.parametrize("number", range(6))
def test_one(outboard, number):
    with outboard.session(service.app) as s:
        service.orders.sync.publish(number)
        s.clock.advance(days=1)
        assert [event.data for event in s.published(service.mails)] == [f"hello {number}"]
"""
    passes(run(pytester, text, "-n", "2"), 6)


CLIENT = """
import pytest
import service
from fastapi.testclient import TestClient


@pytest.mark.parametrize("path", ["/orders", "/orders-in-a-thread"])
@pytest.mark.parametrize("lifespan", [False, True])
def test_one(outboard, path, lifespan):
    with outboard.session(service.app) as s:
        client = TestClient(service.app)
        if lifespan:
            with client:
                assert client.post(path, params={"number": 7}).status_code == 201
        else:
            assert client.post(path, params={"number": 7}).status_code == 201
        assert [event.data for event in s.published(service.mails)] == ["hello 7"]


@pytest.fixture
def client():
    with TestClient(service.app) as connected:
        yield connected


@pytest.mark.parametrize("path", ["/orders", "/orders-in-a-thread"])
def test_a_client_that_was_there_before_the_session(client, outboard, path):
    with outboard.session(service.app) as s:
        assert client.post(path, params={"number": 7}).status_code == 201
        assert [event.data for event in s.published(service.mails)] == ["hello 7"]


async def evening():
    return "good evening"


def test_dependency_overrides(outboard, monkeypatch):
    monkeypatch.setitem(service.app.dependency_overrides, service.greeting, evening)
    with outboard.session(service.app) as s:
        assert TestClient(service.app).post("/orders", params={"number": 7}).status_code == 201
        assert [event.data for event in s.published(service.mails)] == ["good evening 7"]
"""


def test_the_test_client_and_dependency_overrides(pytester: pytest.Pytester) -> None:
    passes(run(pytester, CLIENT), 7)


def test_a_test_client_that_blocks_the_loop_is_told(pytester: pytest.Pytester) -> None:
    text = f"""{ASYNC}
import asyncio

import pytest
from fastapi.testclient import TestClient
from outboard.errors import EventLoopBlocked


def test_one(outboard):
    async def blocking():
        async with outboard.session(service.app):
            with pytest.raises(EventLoopBlocked, match="publishing to topic 'orders'"):
                TestClient(service.app).post("/orders", params={{"number": 7}})

    asyncio.run(blocking())
"""
    passes(run(pytester, text), 1)


@pytest.mark.parametrize("inside", [False, True])
def test_a_failure_shows_the_tree_once(pytester: pytest.Pytester, inside: bool) -> None:
    text = f"""
import service


def test_one(outboard):
    with outboard.session(service.app) as s:
        service.orders.sync.publish(1, id="o1")
{"    " * inside}    s.none(service.mails)
"""
    result = run(pytester, text)
    result.assert_outcomes(failed=1)
    # Where the variable CI is set, pytest tells the whole message once more in its summary.
    told, _summary = result.stdout.str().split("short test summary info")
    assert told.count("orders: o1 from shop") == 1
    assert "mails: " in told
    assert ("outboard session" in told) is not inside


def test_without_pytest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(service=SERVICE)
    script = pytester.makepyfile(
        check="""
import service
from outboard.testing import session

with session(service.app) as s:
    service.orders.sync.publish(1)
    assert [event.data for event in s.published(service.mails)] == ["hello 1"]
print("all well")
"""
    )
    result = pytester.run(sys.executable, script)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["all well"])
