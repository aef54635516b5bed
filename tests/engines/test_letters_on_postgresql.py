"""Dead letters in a real PostgreSQL, where those who collect and replay run beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox
from outboard.clock import SystemClock
from outboard.errors import OutboxFull
from outboard.kit.outbox.port import FetchRequest, Settlement
from outboard.kit.outbox.sql.schema import differences, statements
from support.inbox import engines_of
from support.letters import Collecting, deliver, letter
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio

LETTERS, TIMES = 60, 3


@pytest.fixture(params=["Engine", "AsyncEngine"])
async def service(
    request: pytest.FixtureRequest, postgresql_url: str
) -> AsyncIterator[tuple[Collecting, Engine]]:
    driver = postgresql_url.partition(":")[0]
    plain, asynchronous = engines_of(postgresql_url, driver)
    used: Engine | AsyncEngine = plain if request.param == "Engine" else asynchronous
    made = Collecting(used, SystemClock())
    made.prepare(plain)
    yield made, plain
    made.metadata.drop_all(plain)
    plain.dispose()
    await asynchronous.dispose()


@asynccontextmanager
async def served(service: Collecting, exchange: ScriptedExchange) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        service.board.connected(exchange=exchange),
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://app") as client,
    ):
        yield client


async def test_what_comes_three_times_at_once_is_kept_once_and_replayed_once(
    service: tuple[Collecting, Engine],
) -> None:
    app, _ = service
    exchange = ScriptedExchange()
    async with served(app, exchange) as client:
        numbers = [number for number in range(LETTERS) for _ in range(TIMES)]
        told = await asyncio.gather(*(deliver(client, letter(number)) for number in numbers))
        assert set(told) == {"SUCCESS"}
        assert await app.letters.count() == LETTERS
        reports = await asyncio.gather(*(app.letters.replay(everything=True) for _ in range(4)))
    assert sum(report.replayed for report in reports) == LETTERS
    assert sorted(event["id"] for event in exchange.events) == sorted(f"o-{n}" for n in range(LETTERS))
    assert await app.letters.count(state="replayed") == LETTERS


async def test_the_tables_may_be_in_another_schema(service: tuple[Collecting, Engine]) -> None:
    _, engine = service
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA events")
    outbox = Outbox(engine, schema="events")
    outbox.create_tables(engine)
    outbox.create_tables(engine)  # which looks for what is to be upgraded
    topic = Outboard(environ={}, outbox=outbox).topic("t")
    with Session(engine) as session:
        topic.stage(session, 1, key="k")
        session.commit()
    assert await outbox.waiting() == 1
    await outbox.store.prepare()
    assert len(await outbox.store.claim("token", 30)) == 16
    assert len(await outbox.store.fetch("token", FetchRequest(10))) == 1
    archiving = Outbox(engine, schema="events", keep="archive")
    archiving.create_tables(engine)
    (event,) = await archiving.store.fetch("token", FetchRequest(10))
    for _ in range(2):
        await archiving.store.settle("token", Settlement(delivered=[event.sequence]))
    assert await archiving.clear_archive(timedelta(days=1)) == 0
    assert await archiving.clear_archive(timedelta(days=-1)) == 1
    with Session(engine) as session:
        topic.stage(session, 1)
        session.commit()
    full = Outbox(engine, schema="events", max_waiting=1)
    with Session(engine) as session, pytest.raises(OutboxFull):
        Outboard(environ={}, outbox=full).topic("t").stage(session, 1)
        session.commit()
    archiving.metadata.drop_all(engine)


async def test_letters_are_chosen_grouped_and_dropped(service: tuple[Collecting, Engine]) -> None:
    app, _ = service
    async with served(app, ScriptedExchange()) as client:
        for number in range(4):
            await deliver(client, letter(number))
        hard = letter(
            8, data={"said": "50%_\\ zoë"}, deadletterreason="a\x00b 100%", deadlettererror="OSError"
        )
        assert await deliver(client, hard) == "SUCCESS"
        assert await deliver(client, letter(9, deadlettertime="2026-03-01T00:00:00Z")) == "SUCCESS"
    assert [group.count for group in await app.letters.groups()] == [5, 1]
    for text in ("50%_\\", "zoë", "O-8", "100%"):
        assert [each.event_id for each in await app.letters.find(text=text)] == ["o-8"]
    assert await app.letters.count(text="%x%") == 0
    assert await app.letters.drop(reason="unknown") == 5
    assert [each.event_id for each in await app.letters.find()] == ["o-8"]
    assert len(await app.letters.find(state="dropped")) == 5


async def test_what_fails_again_at_the_same_moment_waits(service: tuple[Collecting, Engine]) -> None:
    app, engine = service
    exchange = ScriptedExchange()
    async with served(app, exchange) as client:
        await deliver(client, letter(1))
        await app.letters.replay(everything=True)
        failed = {**letter(1), "replayid": exchange.events[0]["replayid"]}
        app.change(engine, state="replaying")  # as if the answer had not been noted yet
        await asyncio.gather(*(deliver(client, failed) for _ in range(3)))
    (found,) = await app.letters.find()
    assert found.failures == 2


async def test_the_statements_of_an_outbox_make_what_the_check_calls_right(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA events")
            for schema in (None, "events"):
                for statement in statements("postgresql", "outboard_", schema):
                    connection.exec_driver_sql(statement)
                assert differences(connection, "outboard_", schema) == []
            assert len(differences(connection, "other_")) == 3
        Outbox(engine, prefix="made_").create_tables(engine)
        with engine.connect() as connection:
            assert differences(connection, "made_") == []
    finally:
        engine.dispose()
