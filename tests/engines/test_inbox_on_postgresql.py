"""The inbox on a real PostgreSQL, where transactions run beside each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine

from outboard import DeliveryStatus, Outboard
from support.bulk import bulk_entry, deliver_bulk
from support.inbox import Ledger, engines_of
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio

EVENTS, TIMES = 100, 3
HEADERS = {"content-type": "application/cloudevents+json"}


@pytest.fixture(params=["Session", "AsyncSession"])
async def ledger(request: pytest.FixtureRequest, postgresql_url: str) -> AsyncIterator[tuple[Ledger, Engine]]:
    driver = postgresql_url.partition(":")[0]
    plain, asynchronous = engines_of(postgresql_url, driver)
    used: Engine | AsyncEngine = plain if request.param == "Session" else asynchronous
    ledger = Ledger(used, partial(Outboard, app_id="todo", environ={}))
    ledger.metadata.create_all(plain)
    yield ledger, plain
    ledger.metadata.drop_all(plain)
    plain.dispose()
    await asynchronous.dispose()


def envelope(number: int) -> dict[str, Any]:
    common = {"id": f"e-{number}", "source": "backend", "specversion": "1.0", "type": "task.created"}
    return {**common, "data": {"id": number}}


async def served(ledger: Ledger, use: Callable[[httpx.AsyncClient], Any]) -> Any:
    transport = httpx.ASGITransport(ledger.app)
    async with (
        ledger.board.connected(exchange=ScriptedExchange()),
        ledger.app.router.lifespan_context(ledger.app),
        httpx.AsyncClient(transport=transport, base_url="http://app") as client,
    ):
        return await use(client)


async def deliver(client: httpx.AsyncClient, number: int) -> str:
    response = await client.post("/on", content=json.dumps(envelope(number)), headers=HEADERS)
    return str(response.json()["status"])


async def test_what_comes_three_times_at_once_is_applied_once(ledger: tuple[Ledger, Engine]) -> None:
    service, engine = ledger

    async def use(client: httpx.AsyncClient) -> list[str]:
        numbers = [number for number in range(EVENTS) for _ in range(TIMES)]
        return await asyncio.gather(*(deliver(client, number) for number in numbers))

    told = await served(service, use)
    assert set(told) == {DeliveryStatus.SUCCESS}
    assert service.applied(engine) == dict.fromkeys(range(EVENTS), 1)


async def test_batches_that_overlap_do_not_wait_for_each_other_for_ever(
    ledger: tuple[Ledger, Engine],
) -> None:
    service, engine = ledger
    batches = [
        [(start + step * way) % EVENTS for step in range(40)] for start in range(10) for way in (1, -1)
    ]

    async def use(client: httpx.AsyncClient) -> None:
        async def deliver_batch(numbers: list[int]) -> None:
            entries = [bulk_entry(str(number), envelope(number)) for number in numbers]
            told = await deliver_bulk(client, "/many", entries)
            assert set(told.values()) == {DeliveryStatus.SUCCESS}

        await asyncio.gather(*map(deliver_batch, batches))

    await served(service, use)
    expected = {number for batch in batches for number in batch}
    assert service.applied(engine) == dict.fromkeys(expected, 1)


async def test_a_duplicate_waits_for_the_first_one_and_is_applied_where_that_failed(
    ledger: tuple[Ledger, Engine],
) -> None:
    service, engine = ledger
    service.fails = {1: OSError("away")}

    async def use(client: httpx.AsyncClient) -> list[str]:
        first = [await deliver(client, 1)]
        service.fails = {}
        return first + list(await asyncio.gather(*(deliver(client, 1) for _ in range(5))))

    assert await served(service, use) == ["RETRY", *["SUCCESS"] * 5]
    assert service.applied(engine) == {1: 1}


async def test_commits_that_may_be_lost_are_refused(
    ledger: tuple[Ledger, Engine], caplog: pytest.LogCaptureFixture
) -> None:
    service, engine = ledger
    with engine.begin() as connection:
        database = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{database}" SET synchronous_commit = off'))
    engine.dispose()
    try:
        assert await served(service, lambda client: deliver(client, 1)) == "RETRY"
    finally:
        with engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{database}" RESET synchronous_commit'))
    assert "synchronous_commit is off" in caplog.text
