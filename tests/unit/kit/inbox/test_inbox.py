"""Each event takes effect once: of synchronous and asynchronous sessions, of one event and of batches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from outboard import DeliveryStatus, Drop, Event, Outboard, SidecarUnavailable
from support.bulk import bulk_entry, deliver_bulk
from support.inbox import Ledger, LedgerEntry, engines_of
from support.scripted import FakeClock, ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

SUCCESS, RETRY, DROP = DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP
HEADERS = {"content-type": "application/cloudevents+json"}


class Own(Session):
    """The author's."""


def envelope(number: int, **more: Any) -> dict[str, Any]:
    common = {"id": f"e-{number}", "source": "backend", "specversion": "1.0", "type": "task.created"}
    return {**common, "data": {"id": number}, **more}


async def deliver(client: httpx.AsyncClient, number: int, path: str = "/on", **more: Any) -> str:
    response = await client.post(path, content=json.dumps(envelope(number, **more)), headers=HEADERS)
    assert response.status_code == 200
    return str(response.json()["status"])


async def deliver_all(client: httpx.AsyncClient, *numbers: int) -> dict[str, str]:
    entries = [bulk_entry(str(at), envelope(number)) for at, number in enumerate(numbers)]
    return await deliver_bulk(client, "/many", entries)


@pytest.fixture(params=["Session", "AsyncSession"])
async def ledgers(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[tuple[Callable[..., Ledger], Engine]]:
    """Makes a service, whose tables are there; and an engine to look at them."""
    plain, asynchronous = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")
    used = plain if request.param == "Session" else asynchronous

    def make(**options: Any) -> Ledger:
        ledger = Ledger(used, partial(Outboard, app_id="todo", environ={}, clock=clock), **options)
        ledger.metadata.create_all(plain)
        return ledger

    yield make, plain
    plain.dispose()
    await asynchronous.dispose()


@pytest.fixture
def engine(ledgers: tuple[Callable[..., Ledger], Engine]) -> Engine:
    return ledgers[1]


@pytest.fixture
def ledger(ledgers: tuple[Callable[..., Ledger], Engine]) -> Ledger:
    return ledgers[0]()


def rows(ledger: Ledger, engine: Engine) -> int:
    with engine.connect() as connection:
        table = ledger.metadata.tables["outboard_inbox"]
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


async def test_what_comes_twice_is_applied_once(ledger: Ledger, engine: Engine, serving: Serving) -> None:
    async with serving(ledger.app, ledger.board) as client:
        assert [await deliver(client, number) for number in (1, 1, 2, 1)] == [SUCCESS] * 4
    assert ledger.applied(engine) == {1: 1, 2: 1}
    assert ledger.given == [[1], [2]]


async def test_an_id_of_another_source_is_another_event(
    ledger: Ledger, engine: Engine, serving: Serving
) -> None:
    async with serving(ledger.app, ledger.board) as client:
        for source in ("backend", "billing", "back\x00end", "x" * 3_000):
            assert await deliver(client, 1, source=source) == SUCCESS
    assert ledger.applied(engine) == {1: 4}


async def test_another_handler_applies_it_too(ledger: Ledger, engine: Engine, serving: Serving) -> None:
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == await deliver(client, 1, "/many") == SUCCESS
    assert ledger.applied(engine) == {1: 2}


@pytest.mark.parametrize("failure", [OSError("away"), HTTPException(503, "away")])
async def test_what_fails_leaves_nothing_and_comes_again(
    ledger: Ledger, engine: Engine, serving: Serving, failure: Exception
) -> None:
    ledger.fails = {1: failure}
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == RETRY
        assert ledger.applied(engine) == {}
        ledger.fails = {}
        assert await deliver(client, 1) == SUCCESS
    assert ledger.applied(engine) == {1: 1}


@pytest.mark.parametrize("returned", [RETRY, DROP])
async def test_what_is_not_success_is_rolled_back(
    ledger: Ledger, engine: Engine, serving: Serving, exchange: ScriptedExchange, returned: DeliveryStatus
) -> None:
    ledger.returns = {1: returned}
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == (RETRY if returned is RETRY else SUCCESS)
        assert ledger.applied(engine) == {}
        ledger.returns = {}
        assert await deliver(client, 1) == SUCCESS
    assert ledger.applied(engine) == {1: 1}
    assert exchange.topics == (["tasks-dead"] if returned is DROP else [])


async def test_poison_is_a_dead_letter_and_claims_nothing(
    ledger: Ledger, engine: Engine, serving: Serving, exchange: ScriptedExchange
) -> None:
    ledger.fails = {1: Drop("not ours")}
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == SUCCESS
    assert rows(ledger, engine) == 0
    assert exchange.topics == ["tasks-dead"]


async def test_after_the_last_attempt_it_is_a_dead_letter(
    ledgers: tuple[Callable[..., Ledger], Engine], serving: Serving, exchange: ScriptedExchange
) -> None:
    make, engine = ledgers
    ledger = make(max_attempts=3)
    ledger.fails = {1: OSError("away")}
    async with serving(ledger.app, ledger.board) as client:
        assert [await deliver(client, 1) for _ in range(2)] == [RETRY, RETRY]
    again = make(max_attempts=3)  # as after a restart: the count is in the database
    again.fails = ledger.fails
    async with serving(again.app, again.board) as client:
        assert await deliver(client, 1) == SUCCESS
        (letter,) = exchange.events
        again.fails = {}
        assert await deliver(client, 1) == SUCCESS  # as a replay does
    assert letter["deadletterreason"] == "OSError was raised: away, at attempt 3, the last of 3"
    assert letter["deadletterattempts"] == 3
    assert letter["deadlettererror"] == "OSError"
    assert again.applied(engine) == {1: 1}


async def test_a_replay_has_attempts_of_its_own_and_is_applied_once(
    ledgers: tuple[Callable[..., Ledger], Engine], serving: Serving, exchange: ScriptedExchange
) -> None:
    ledger = ledgers[0](max_attempts=2)
    ledger.fails = {1: OSError("away")}
    async with serving(ledger.app, ledger.board) as client:
        assert [await deliver(client, 1) for _ in range(2)] == [RETRY, SUCCESS]
        assert await deliver(client, 1, replayid="r1", replayto="todo") == RETRY
        assert await deliver(client, 1, replayid="r1", replayto="todo") == SUCCESS
        assert [letter["deadletterattempts"] for letter in exchange.events] == [2, 2]
        ledger.fails = {}
        for replay in ("r2", "r2", "r3"):
            assert await deliver(client, 1, replayid=replay, replayto="todo") == SUCCESS
    assert ledger.applied(ledgers[1]) == {1: 1}


async def test_what_returns_retry_counts_too(
    ledgers: tuple[Callable[..., Ledger], Engine], serving: Serving, exchange: ScriptedExchange
) -> None:
    ledger = ledgers[0](max_attempts=1)
    ledger.returns = {1: RETRY}
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == SUCCESS
    (letter,) = exchange.events
    assert letter["deadletterreason"] == "the handler returned RETRY, at attempt 1, the last of 1"


async def test_what_is_away_counts_no_attempt(
    ledgers: tuple[Callable[..., Ledger], Engine], serving: Serving, exchange: ScriptedExchange
) -> None:
    ledger = ledgers[0](max_attempts=1)
    ledger.fails = {1: SidecarUnavailable(address="x", waited=1.0, reason="refused", operation="publishing")}
    async with serving(ledger.app, ledger.board) as client:
        assert [await deliver(client, 1) for _ in range(3)] == [RETRY] * 3
    assert exchange.events == []


async def test_of_a_batch_the_handler_gets_what_is_new(
    ledger: Ledger, engine: Engine, serving: Serving
) -> None:
    async with serving(ledger.app, ledger.board) as client:
        assert set((await deliver_all(client, 1, 2)).values()) == {SUCCESS}
        assert await deliver_all(client, 2, 3, 3, 4) == {str(at): SUCCESS for at in range(4)}
        assert set((await deliver_all(client, 1, 4)).values()) == {SUCCESS}
    assert ledger.given == [[1, 2], [3, 4]]
    assert ledger.applied(engine) == {1: 1, 2: 1, 3: 1, 4: 1}


async def test_of_a_batch_what_was_not_handled_comes_again(
    ledger: Ledger, engine: Engine, serving: Serving, exchange: ScriptedExchange
) -> None:
    ledger.returns = {2: RETRY, 3: DROP}
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver_all(client, 9) == {"0": SUCCESS}
        told = await deliver_all(client, 1, 9, 2, 3)
        assert told == {"0": SUCCESS, "1": SUCCESS, "2": RETRY, "3": SUCCESS}
        ledger.returns = {}
        assert set((await deliver_all(client, 1, 2, 3)).values()) == {SUCCESS}
    assert ledger.given == [[9], [1, 2, 3], [2, 3]]
    assert ledger.applied(engine) == {9: 1, 1: 1, 2: 1, 3: 1}
    assert exchange.topics == ["batches-dead"]


async def test_a_batch_that_fails_too_often_is_taken_apart(
    ledgers: tuple[Callable[..., Ledger], Engine], serving: Serving, exchange: ScriptedExchange
) -> None:
    make, engine = ledgers
    ledger = make(max_attempts=2)
    ledger.fails = {2: OSError("away")}
    async with serving(ledger.app, ledger.board) as client:
        assert set((await deliver_all(client, 1, 2, 3)).values()) == {RETRY}
        assert set((await deliver_all(client, 1, 2, 3)).values()) == {SUCCESS}
    assert ledger.applied(engine) == {1: 1, 3: 1}
    assert [event["id"] for event in exchange.events] == ["e-2"]


async def test_a_handler_must_not_commit(
    ledger: Ledger, engine: Engine, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.does = lambda session, _: session.commit()
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == RETRY
        assert ledger.applied(engine) == {}
        assert "the handler of todo/on commits the session of the inbox" in caplog.text
        ledger.does = lambda session, _: session.begin_nested().commit()
        assert await deliver(client, 1) == SUCCESS
    assert ledger.applied(engine) == {1: 1}


async def test_a_handler_may_roll_back(ledger: Ledger, engine: Engine, serving: Serving) -> None:
    def again(session: Session, number: int) -> None:
        session.rollback()
        session.execute(insert(ledger.entries).values(id=number + 100))

    ledger.does = again
    async with serving(ledger.app, ledger.board) as client:
        assert [await deliver(client, 1) for _ in range(2)] == [SUCCESS, SUCCESS]
    assert ledger.applied(engine) == {101: 1}


async def test_a_savepoint_that_is_rolled_back_keeps_the_claim(
    ledger: Ledger, engine: Engine, serving: Serving
) -> None:
    ledger.does = lambda session, _: session.begin_nested().rollback()
    async with serving(ledger.app, ledger.board) as client:
        assert [await deliver(client, 1) for _ in range(2)] == [SUCCESS, SUCCESS]
    assert ledger.applied(engine) == {1: 1}


async def test_what_was_applied_long_ago_is_forgotten(
    ledgers: tuple[Callable[..., Ledger], Engine], serving: Serving, clock: FakeClock
) -> None:
    make, engine = ledgers
    ledger = make(keep=timedelta(days=2))
    async with serving(ledger.app, ledger.board) as client:
        await deliver(client, 1)
        clock.seconds += 86_400
        await deliver(client, 2)
        assert rows(ledger, engine) == 2
        clock.seconds += 86_401
        await deliver(client, 3)
        assert rows(ledger, engine) == 2
        await deliver(client, 2)
    assert ledger.applied(engine) == {1: 1, 2: 1, 3: 1}


async def test_a_missing_table_is_told_with_what_to_do(
    ledger: Ledger, engine: Engine, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.metadata.drop_all(engine)
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == RETRY
    assert "the database of the inbox could not claim an event: OperationalError" in caplog.text
    assert "Make the tables with `inbox.create_tables(engine)`" in caplog.text


async def test_what_would_lose_commits_is_refused(
    tmp_path: Path, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{(tmp_path / 'weak.db').as_posix()}")
    ledger = Ledger(engine, partial(Outboard, environ={}))
    ledger.metadata.create_all(engine)
    async with serving(ledger.app, ledger.board) as client:
        assert await deliver(client, 1) == RETRY
    assert "this SQLite database is refused: journal_mode is 'delete', not 'wal'" in caplog.text
    engine.dispose()


async def test_a_cancelled_handler_leaves_no_transaction(
    ledger: Ledger, engine: Engine, serving: Serving
) -> None:
    """As when the connection of the sidecar ends."""
    entered, blocked = asyncio.Event(), asyncio.Event()

    @ledger.board.topic("slow", LedgerEntry).subscribe("/slow")
    async def slow(event: Event[LedgerEntry], db: object = Depends(ledger.inbox.session)) -> None:
        entered.set()
        await blocked.wait()

    async with serving(ledger.app, ledger.board) as client:
        task = asyncio.create_task(deliver(client, 1, "/slow"))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await deliver(client, 1) == SUCCESS  # SQLite would still be locked
    assert rows(ledger, engine) == 1


async def test_outside_of_a_handler_there_is_no_event(ledger: Ledger, serving: Serving) -> None:
    @ledger.app.get("/tasks")
    async def tasks(db: object = Depends(ledger.inbox.session)) -> None: ...

    async with serving(ledger.app, ledger.board) as client:
        with pytest.raises(RuntimeError, match="the session of the inbox was asked for outside of an event"):
            await client.get("/tasks")


async def test_it_takes_the_author_s_sessions(engine: Engine, clock: FakeClock, serving: Serving) -> None:
    board = Outboard(environ={}, clock=clock)
    inbox = board.inbox(sessionmaker(engine, class_=Own))
    inbox.create_tables(engine)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    given: list[bool] = []
    session = Depends(inbox.session)

    @board.topic("tasks", LedgerEntry).subscribe("/on")
    def on(event: Event[LedgerEntry], db: Own = session) -> None:
        given.append(isinstance(db, Own))

    async with serving(app, board) as client:
        assert await deliver(client, 1) == SUCCESS
    assert given == [True]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"engine": "sqlite://"}, "engine has to be an Engine, an AsyncEngine, or a sessionmaker of one"),
        ({"keep": 8}, "keep has to be a timedelta above zero"),
        ({"prefix": 1}, "prefix has to be a text"),
        ({"metadata": "x"}, "metadata has to be the MetaData of SQLAlchemy"),
        ({"max_attempts": 0}, "max_attempts has to be a whole number, 1 or more"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], problem: str, tmp_path: Path) -> None:
    engine, _ = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")
    with pytest.raises(TypeError, match=problem):
        Outboard(environ={}).inbox(**{"engine": engine, **arguments})
