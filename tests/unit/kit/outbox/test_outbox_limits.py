"""What an outbox keeps within: how much waits, what is kept of an error, and in which schema it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, inspect, update
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox
from outboard.errors import OutboxFull
from outboard.kit.outbox.lease import new_token
from outboard.wire.http import Response
from support.inbox import engines_of
from support.outboxes import filled_outbox
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made, other = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")
    yield made
    made.dispose()
    other.sync_engine.dispose()


def stage(outbox: Outbox, engine: Engine, **named: Any) -> None:
    topic = Outboard(environ={}, outbox=outbox).topic("t")
    with Session(engine) as session:
        topic.stage(session, 1, **named)
        session.commit()


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({}, ""),
        ({"max_waiting": 4}, ""),
        ({"max_waiting": 3}, "3 events wait in it, and its `max_waiting`"),
        ({"max_age": timedelta(seconds=60)}, ""),
        (
            {"max_age": timedelta(seconds=10)},
            "its first event has waited for 0:00:10 and more, and its `max_age`",
        ),
    ],
)
def test_too_much_is_refused_and_nothing_of_it_stays(engine: Engine, limits: Any, refused: str) -> None:
    filled_outbox(engine, waiting=3, parked=5, seconds=20)
    outbox = Outbox(engine, **limits)
    if not refused:
        stage(outbox, engine)
        return
    with pytest.raises(OutboxFull, match=refused):
        stage(outbox, engine)


async def test_it_takes_events_again_when_some_are_gone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("outboard.kit.outbox.sql.outbox.SystemClock.monotonic", lambda self: now[0])
    filled_outbox(engine, waiting=2, parked=0, seconds=1)
    outbox = Outbox(engine, max_waiting=2)
    with pytest.raises(OutboxFull):
        stage(outbox, engine)
    table = outbox.metadata.tables["outboard_outbox"]
    with engine.begin() as connection:
        connection.execute(update(table).values(parked_at=1))
    with pytest.raises(OutboxFull):
        stage(outbox, engine)  # it is asked once a second
    now[0] += 1
    stage(outbox, engine)
    assert await outbox.waiting() == 1


@pytest.mark.parametrize(
    "options", [{"max_waiting": 0}, {"max_waiting": "9"}, {"max_age": 60}, {"redact": "secret"}]
)
def test_limits_that_are_none_are_refused(engine: Engine, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        Outbox(engine, **options)


async def test_health_is_told_and_raises_nothing(engine: Engine) -> None:
    outbox = Outbox(engine)
    away = await outbox.health()
    assert (away.ok, away.waiting) == (False, None)
    assert "could not measure its depth" in away.reason
    filled_outbox(engine, waiting=2, parked=1, seconds=30)
    well = await outbox.health()
    assert (well.ok, well.reason, well.waiting, well.parked) == (True, "", 2, 1)
    slow = await outbox.health(max_age=timedelta(seconds=10))
    assert not slow.ok
    assert slow.reason.startswith("the first of 2 events has waited for 3")
    assert (await outbox.health(max_parked=0)).reason == "1 events are parked"


async def test_lanes_that_wait_and_leases_are_counted(engine: Engine) -> None:
    filled_outbox(engine, waiting=2, parked=1, seconds=1)
    outbox = Outbox(engine)
    store = outbox.store
    assert await store.held_lanes() == 0
    with engine.begin() as connection:
        connection.execute(update(outbox.metadata.tables["outboard_outbox"]).values(available_at=2**50))
    assert await store.held_lanes() == 1
    await store.prepare()
    assert await store.leases() == {}
    token = new_token()
    await store.claim(token, 30)
    assert await store.leases() == {token: 16}


async def test_the_tables_are_in_the_schema_that_is_named(engine: Engine) -> None:
    outbox = Outbox(engine, schema="main", prefix="a_")
    board = Outboard(environ={}, outbox=outbox)
    inbox = board.inbox(engine, schema="main", prefix="a_")
    letters = board.dead_letters(engine, schema="main", prefix="a_")
    for each in (outbox, inbox, letters):
        each.create_tables(engine)
        assert all(table.schema == "main" for table in each.metadata.tables.values())
    assert sorted(inspect(engine).get_table_names(schema="main")) == [
        "a_dead_letters", "a_inbox", "a_outbox", "a_outbox_lease", "a_outbox_relay",
    ]  # fmt: skip
    stage(outbox, engine, key="k")
    assert await outbox.waiting() == 1
    assert await letters.find() == []


async def test_what_is_kept_of_a_refusal_is_redacted(engine: Engine) -> None:
    outbox = Outbox(engine, redact=lambda text: text.replace("ann@example.org", "***"))
    outbox.create_tables(engine)
    board = Outboard(environ={}, outbox=outbox)
    exchange = ScriptedExchange()
    exchange.answers.append(Response(400, {}, b'{"errorCode": "ERR_X", "message": "no ann@example.org"}'))
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with board.connected(exchange=exchange):
        with Session(engine) as session:
            board.topic("t").stage(session, 1)
            session.commit()
        async with app.router.lifespan_context(app):
            while not (parked := await outbox.parked()):
                pass
    assert "no ***" in parked[0].error
