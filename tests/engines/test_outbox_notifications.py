"""A relay is told of what other processes commit, by each driver for PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox
from outboard.kit.client.port import Publication
from support.outbox import Broker, HandClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def elsewhere(postgresql_url: str) -> Iterator[Engine]:
    """The engine of another process."""
    engine = create_engine(postgresql_url)
    Outbox(engine).create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["psycopg", "psycopg_async", "asyncpg"])
async def engine(request: pytest.FixtureRequest, postgresql_url: str) -> AsyncIterator[Any]:
    url = make_url(postgresql_url).set(drivername=f"postgresql+{request.param}")
    if request.param == "psycopg":
        synchronous = create_engine(url, pool_size=1, max_overflow=0)
        yield synchronous
        synchronous.dispose()
        return
    if request.param == "asyncpg":
        url = url.difference_update_query(["options"])
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    yield engine
    await engine.dispose()


def stage(engine: Engine, number: int, *, notify: bool = True) -> None:
    topic = Outboard(environ={}, outbox=Outbox(engine, notify=notify)).topic("tasks")
    with Session(engine) as session:
        topic.stage(session, number, key="k")
        session.commit()


@asynccontextmanager
async def relaying(outbox: Outbox, broker: Broker) -> AsyncIterator[None]:
    """With a clock that stands still: no poll comes. Until it listens, it may not be told."""

    async def publish(publication: Publication, timeout: float) -> None:
        await broker.publish(publication, timeout)

    async with outbox.relaying(publish, HandClock(), 5.0, lambda: 0.5):
        yield


async def listens(engine: Engine) -> None:
    """Return when somebody has asked for notifications, and has heard itself."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    for _ in range(3_000):
        with engine.connect() as connection:
            if connection.execute(query).scalar_one():
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody listens")


async def published(broker: Broker, count: int) -> None:
    for _ in range(3_000):
        if len(broker.published) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"only {broker.published}")


async def test_what_another_process_commits_is_published_without_a_poll(
    engine: Any, elsewhere: Engine
) -> None:
    broker = Broker()
    async with relaying(Outbox(engine), broker):
        await listens(elsewhere)
        for number in range(3):
            await asyncio.to_thread(stage, elsewhere, number)
            await published(broker, number + 1)
    assert broker.of("k") == [0, 1, 2]


async def test_a_connection_that_is_cut_ends_no_relay(engine: Any, elsewhere: Engine) -> None:
    broker = Broker()
    outbox = Outbox(engine)
    async with relaying(outbox, broker):
        await listens(elsewhere)
        with elsewhere.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )
        await asyncio.to_thread(stage, elsewhere, 1)
        await outbox.retry([])  # tells the relays of this process
        await published(broker, 1)


async def test_nobody_is_told_where_it_is_not_wanted(elsewhere: Engine) -> None:
    with elsewhere.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("LISTEN outboard_outbox"))
        await asyncio.to_thread(stage, elsewhere, 1, notify=False)
        await asyncio.to_thread(stage, elsewhere, 2)
        connection.execute(text("SELECT 1"))
        driver: Any = connection.connection.driver_connection
        heard = [each.payload for each in driver.notifies(timeout=30.0, stop_after=1)]
        heard += [each.payload for each in driver.notifies(timeout=0.0)]
    assert len(heard) == 1
