"""What an author does: events in the app's own transactions, published by the app's lifespan."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, event, inspect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from outboard import Event, EventTooLarge, InvalidCloudEvent, InvalidEventData, Outboard, Outbox
from outboard.errors import NotDurable, OutboxMissing, OutboxUnavailable
from support.outbox import until
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio


class Created(BaseModel):
    id: int


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{path}")
    Outbox.make_durable(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def async_engine(path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    Outbox.make_durable(engine.sync_engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def outbox(engine: Engine) -> Outbox:
    made = Outbox(engine)
    made.create_tables(engine)
    return made


@pytest.fixture
def board(outbox: Outbox) -> Outboard:
    return Outboard(app_id="todo", environ={}, outbox=outbox)


def stored(engine: Engine) -> list[dict[str, object]]:
    """The events in the outbox, as they are going to be published."""
    with engine.connect() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM outboard_outbox ORDER BY sequence").scalars()
        return [json.loads(body) for body in bodies]


def rows(engine: Engine) -> int:
    with engine.connect().execution_options(outboard_begin="BEGIN") as connection:
        return len(connection.exec_driver_sql("SELECT 1 FROM outboard_outbox").all())


async def test_an_event_is_stored_whole(board: Outboard, engine: Engine) -> None:
    topic = board.topic("tasks", Created, type="task.created")
    with Session(engine) as session:
        staged = topic.stage(session, Created(id=1), key="1", subject="s", extensions={"tenant": "a"})
        assert rows(engine) == 0, "no I/O before the flush"
        session.commit()
    (event_,) = stored(engine)
    assert event_["id"] == staged.id
    assert event_["data"] == {"id": 1}
    assert (event_["source"], event_["type"], event_["subject"]) == ("todo", "task.created", "s")
    assert (event_["tenant"], event_["partitionkey"]) == ("a", "1")
    assert event_["traceparent"]


async def test_it_shares_the_fate_of_its_transaction(board: Outboard, engine: Engine) -> None:
    topic = board.topic("tasks")
    with Session(engine) as session:
        topic.stage(session, 1)
        session.flush()
        session.rollback()
        topic.stage(session, 2)
        session.rollback()
        topic.stage(session, 3)
        session.commit()
    with pytest.raises(ZeroDivisionError), Session(engine) as session, session.begin():
        topic.stage(session, 4)
        raise ZeroDivisionError
    assert [item["data"] for item in stored(engine)] == [3]


async def test_it_goes_with_its_savepoint(board: Outboard, engine: Engine) -> None:
    topic = board.topic("tasks")
    with Session(engine) as session, session.begin():
        topic.stage(session, "before", key="k")
        with session.begin_nested() as inner:
            topic.stage(session, "inside", key="k")
            inner.rollback()
        with session.begin_nested():
            topic.stage(session, "kept", key="k")
        topic.stage(session, "after", key="k")
    assert [item["data"] for item in stored(engine)] == ["before", "kept", "after"]


async def test_what_another_hook_stages_before_the_commit_is_not_lost(
    board: Outboard, engine: Engine
) -> None:
    topic = board.topic("tasks")
    with Session(engine) as session:
        event.listen(session, "before_commit", lambda session: topic.stage(session, "late"))
        topic.stage(session, "early")
        session.commit()
    assert [item["data"] for item in stored(engine)] == ["early", "late"]


async def test_an_async_session_and_scoped_ones_do_as_well(
    board: Outboard, engine: Engine, async_engine: AsyncEngine
) -> None:
    topic = board.topic("tasks")
    async with async_sessionmaker(async_engine)() as session:
        topic.stage(session, 1, key="k")
        await session.rollback()
        topic.stage(session, 2, key="k")
        await session.commit()
    async with AsyncSession(async_engine) as session, session.begin():
        topic.stage(session, 3, key="k")
    scoped = scoped_session(sessionmaker(engine))
    topic.stage(scoped, 4)
    scoped.commit()
    scoped.remove()
    assert [item["data"] for item in stored(engine)] == [2, 3, 4]


async def test_two_sessions_of_one_key_keep_the_order_of_their_commits(
    board: Outboard, engine: Engine
) -> None:
    topic = board.topic("tasks")
    with Session(engine) as first, Session(engine) as second:
        topic.stage(first, "staged first", key="k")
        topic.stage(second, "committed first", key="k")
        second.commit()
        first.commit()
    assert [item["data"] for item in stored(engine)] == ["committed first", "staged first"]


async def test_an_event_keeps_what_it_has(board: Outboard, engine: Engine) -> None:
    with Session(engine) as session:
        board.topic("tasks", Created).stage_event(session, Event(id="42", source="x", data=Created(id=1)))
        session.commit()
    assert [(item["id"], item["source"]) for item in stored(engine)] == [("42", "x")]


async def test_an_id_may_be_staged_again_however_fast_the_relay_is(board: Outboard, engine: Engine) -> None:
    """As it may be published again. What is waiting still, or not any more, does not count."""
    with Session(engine) as session:
        board.topic("a").stage(session, 1, id="mine")
        board.topic("b").stage(session, 1, id="mine")
        session.commit()
        board.topic("a").stage(session, 2, id="mine")
        session.commit()
    assert [(item["id"], item["data"]) for item in stored(engine)] == [("mine", 1), ("mine", 1), ("mine", 2)]


async def test_what_cannot_be_published_is_refused_at_once(engine: Engine, outbox: Outbox) -> None:
    board = Outboard(environ={}, outbox=outbox, max_event_bytes=400)
    with Session(engine) as session:
        with pytest.raises(EventTooLarge):
            board.topic("tasks").stage(session, "x" * 400)
        with pytest.raises(InvalidEventData):
            board.topic("tasks", Created).stage(session, "no model")  # type: ignore[arg-type]
        with pytest.raises(InvalidEventData, match="NaN"):
            board.topic("tasks", float).stage(session, float("nan"))
        with pytest.raises(InvalidCloudEvent, match="1024 characters"):
            Outboard(environ={}, outbox=outbox).topic("tasks").stage(session, 1, id="x" * 1025)
        session.commit()
    assert rows(engine) == 0


async def test_without_an_outbox_nothing_is_lost_silently(engine: Engine) -> None:
    with (
        Session(engine) as session,
        pytest.raises(OutboxMissing, match=r"Outboard\(outbox=Outbox\(engine\)\)"),
    ):
        Outboard(environ={}).topic("tasks").stage(session, 1)


@pytest.mark.parametrize(
    ("pragmas", "message"),
    [
        (["journal_mode=DELETE", "synchronous=FULL"], "journal_mode is 'delete', not 'wal'"),
        (["journal_mode=WAL", "synchronous=NORMAL"], "synchronous is NORMAL, not FULL"),
        (["journal_mode=WAL", "synchronous=OFF"], "synchronous is OFF, not FULL"),
    ],
)
async def test_a_weak_sqlite_is_refused(path: Path, pragmas: list[str], message: str) -> None:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def weaken(connection, _):  # type: ignore[no-untyped-def]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    outbox = Outbox(engine)
    outbox.create_tables(engine)
    with Session(engine) as session:
        Outboard(environ={}, outbox=outbox).topic("tasks").stage(session, 1)
        with pytest.raises(NotDurable, match=message) as raised:
            session.commit()
    assert "Outbox.make_durable(engine)" in str(raised.value)
    assert rows(engine) == 0
    engine.dispose()


async def test_a_database_in_memory_is_refused() -> None:
    engine = create_engine("sqlite://")
    Outbox.make_durable(engine)
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    with Session(engine) as session, pytest.raises(NotDurable, match="'memory'"):
        Outboard(environ={}, outbox=outbox).topic("tasks").stage(session, 1)
        session.commit()
    engine.dispose()


async def test_the_tables_may_be_among_the_apps_own(engine: Engine) -> None:
    metadata = MetaData()
    Table("task", metadata, Column("id", Integer, primary_key=True))
    Outbox(engine, metadata=metadata, prefix="todo_")
    metadata.create_all(engine)
    assert set(inspect(engine).get_table_names()) >= {"task", "todo_outbox", "todo_outbox_lease"}


async def test_a_missing_table_says_how_to_make_it(engine: Engine) -> None:
    with pytest.raises(OutboxUnavailable, match=r"no such table.*create_tables") as raised:
        await Outbox(engine).parked()
    assert "SELECT" not in str(raised.value)


async def test_the_lifespan_publishes(
    board: Outboard, outbox: Outbox, engine: Engine, exchange: ScriptedExchange
) -> None:
    topic = board.topic("tasks", Created)
    app = FastAPI(lifespan=board.lifespan)
    with Session(engine) as session:
        topic.stage(session, Created(id=0), key="k", ttl=60)
        session.commit()
    async with board.connected(exchange=exchange), app.router.lifespan_context(app):
        await until(lambda: rows(engine) == 0)
        with Session(engine) as session:
            for number in range(1, 4):
                topic.stage(session, Created(id=number), key="k")
            session.commit()
        await until(lambda: rows(engine) == 0)
    assert [item["data"]["id"] for item in exchange.events] == [0, 1, 2, 3]
    assert exchange.query(0) == {"metadata.partitionKey": "k", "metadata.ttlInSeconds": "60"}
    assert exchange.requests[0].headers["traceparent"] == exchange.events[0]["traceparent"]
    assert await outbox.waiting() == 0
    with engine.connect() as connection:
        tokens = (
            connection.exec_driver_sql("SELECT DISTINCT token FROM outboard_outbox_lease").scalars().all()
        )
    assert tokens == [""], "the partitions were given back"


@pytest.mark.parametrize("traceid", [{}, {"traceid": "mine"}])
async def test_what_it_comes_of_is_final_when_it_is_staged(
    board: Outboard, engine: Engine, exchange: ScriptedExchange, traceid: dict[str, str]
) -> None:
    topic = board.topic("tasks", Created)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @board.topic("in").subscribe("/on")
    def on_event(event: Event[object]) -> None:
        with Session(engine) as session:
            topic.stage(session, Created(id=1), extensions=traceid)
            session.commit()

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"content-type": "application/cloudevents+json", "x-correlation-id": "another"}
    attributes: dict[str, Any] = {"correlationid": "c", "traceparent": trace}
    given = Event[object](id="e-1", source="s", data=1, **attributes)
    body = board.topic("in").codec.encode(given)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        assert (await client.post("/on", content=body, headers=headers)).json() == {"status": "SUCCESS"}
    (staged,) = stored(engine)
    async with board.connected(exchange=exchange), app.router.lifespan_context(app):
        await until(lambda: rows(engine) == 0)
    assert exchange.events == [staged]
    assert (staged["correlationid"], staged["causationid"]) == ("c", "e-1")
    assert str(staged["traceparent"]).split("-")[1] == trace.split("-")[1]
    assert staged.get("traceid") == traceid.get("traceid")


async def test_the_lifespan_publishes_through_an_async_engine(
    async_engine: AsyncEngine, exchange: ScriptedExchange, engine: Engine
) -> None:
    outbox = Outbox(lambda: async_engine)
    async with async_engine.begin() as connection:
        await connection.run_sync(outbox.create_tables)
    board = Outboard(environ={}, outbox=outbox)
    topic = board.topic("tasks")
    app = FastAPI(lifespan=board.lifespan)
    async with board.connected(exchange=exchange), app.router.lifespan_context(app):
        async with AsyncSession(async_engine) as session:
            topic.stage(session, 1, key="k")
            topic.stage(session, 2, key="k")
            await session.commit()
        await until(lambda: rows(engine) == 0)
    assert [item["data"] for item in exchange.events] == [1, 2]


async def test_parked_events_are_listed_retried_and_dropped(
    board: Outboard, outbox: Outbox, engine: Engine
) -> None:
    with Session(engine) as session:
        kept, dropped = (board.topic("tasks").stage(session, number) for number in range(2))
        session.commit()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outboard_outbox SET parked_at = 1767323045000, last_error = 'no'")
    first, second = await outbox.parked()
    assert (first.event_id, second.event_id) == (kept.id, dropped.id)
    assert (first.error, first.parked_at.isoformat()) == ("no", "2026-01-02T03:04:05+00:00")
    assert json.loads(first.body)["id"] == kept.id
    assert await outbox.retry([first]) == 1
    assert await outbox.drop([first, second]) == 1, "the first one is not parked any more"
    assert [item["id"] for item in stored(engine)] == [kept.id]
    assert await outbox.waiting() == 1


def test_the_package_works_without_sqlalchemy() -> None:
    program = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from outboard import Outboard, Outbox\n"
        "Outboard(environ={}).topic('tasks')\n"
        "try: Outbox(None)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    expected = "ExtraMissing the outbox needs the package SQLAlchemy, which is not installed"
    assert done.stdout.strip() == f"{expected}: pip install 'outboard[sql]'"


def test_a_board_does_not_import_sqlalchemy() -> None:
    program = (
        "import sys; from outboard import Outboard; Outboard(environ={}); print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "False"
