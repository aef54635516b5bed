"""One test of a service on several engines: in memory, the sidecar as a process with SQLite, and daprd."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI

from outboard import Event, Outboard
from outboard.kit.topic import Topic
from outboard.testing import Harness, NotOnThisEngine

SERVICE = """
import pytest
from fastapi import FastAPI
from outboard import Event, Outboard

board = Outboard(app_id="shop", environ={})
orders, bills = board.topic("orders", int), board.topic("bills", int)
app = FastAPI(lifespan=board.lifespan)

@orders.subscribe("/orders")
async def on_order(event: Event[int]) -> None:
    if event.data < 0:
        raise ValueError("no such order")
    await bills.publish(event.data * 10)

@bills.subscribe("/bills")
async def on_bill(event: Event[int]) -> None: ...

board.mount(app)

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
TESTS = """
import pytest
from service import anyio_backend, app, bills, orders

@pytest.mark.anyio
@pytest.mark.outboard_engines("memory", "sqlite", "daprd")
async def test_each_order_has_its_bill(outboard):
    async with outboard.session(app) as s:
        for number in range(5):
            await orders.publish(number)
        await s.quiet()
        assert sorted(bill.data for bill in s.published(bills)) == [0, 10, 20, 30, 40]
        assert {delivery.outcome for delivery in s.deliveries(bills)} == {"SUCCESS"}

@pytest.mark.outboard_engines("sqlite", "daprd")
def test_what_a_handler_raises_is_told(outboard):
    with pytest.raises(ExceptionGroup) as told:
        with outboard.session(app, timeout=0.5) as s:
            orders.sync.publish(-1)
    (error,) = told.value.exceptions
    assert str(error) == "no such order"
    assert "orders: " in told.value.__notes__[0]
"""


@pytest.fixture
def daprd_is_found(daprd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_RUNTIME_PATH", str(daprd.parent))


@pytest.mark.usefixtures("daprd_is_found")
def test_a_test_runs_on_each_engine_of_its_mark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(service=SERVICE, test_service=TESTS)
    result = pytester.runpytest_subprocess("-p", "no:asyncio", "-W", "error")
    result.assert_outcomes(passed=5)


def apps() -> tuple[FastAPI, FastAPI, Topic[int]]:
    """One that publishes, one that takes it, and the topic."""
    shop, mail = Outboard(app_id="shop", environ={}), Outboard(app_id="mail", environ={})
    orders = shop.topic("orders", int)

    @mail.topic("orders", int).subscribe("/orders")
    async def on_order(event: Event[int]) -> None: ...

    found = FastAPI(lifespan=shop.lifespan), FastAPI(lifespan=mail.lifespan)
    for board, app in zip((shop, mail), found, strict=True):
        board.mount(app)
    return *found, orders


@pytest.mark.anyio
async def test_apps_beside_processes_share_a_file() -> None:
    shop, mail, orders = apps()
    async with Harness(engine="sqlite").session(shop, mail) as s:
        await orders.publish(7)
        await s.quiet()
        assert [each.app_id for each in s.deliveries(orders)] == ["mail"]


@pytest.mark.anyio
@pytest.mark.usefixtures("daprd_is_found")
async def test_two_apps_cannot_share_the_memory_of_daprd() -> None:
    shop, mail, _ = apps()
    said = r"the sidecars of shop and mail are processes, each with its own pubsub\.in-memory.*pubsub\.redis"
    with pytest.raises(NotOnThisEngine, match=said):
        async with Harness(engine="daprd").session(shop, mail):
            pass
