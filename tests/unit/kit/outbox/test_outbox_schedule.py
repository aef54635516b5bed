"""Events that wait for their time, stand for others, or may be sent only until then: on the shipped relay."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from outboard import Outboard, Outbox
from outboard.errors import InvalidName, OutboxMissing, PublishFailed, SidecarUnavailable
from outboard.hops.record import HopKind
from outboard.kit.outbox.port import Depth, FetchRequest
from outboard.kit.outbox.schedule import Schedule
from support.outbox import OutboxBench
from support.sidecars import Hops

pytestmark = pytest.mark.anyio

DOWN = SidecarUnavailable("here", "publishing", 5.0, "refused")
BROKEN = PublishFailed("p", "t", 500, "ERR", "no leader")
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def async_engine(engine: Engine) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(f"sqlite+aiosqlite:///{engine.url.database}")
    Outbox.make_durable(made.sync_engine)
    yield made
    await made.dispose()


def commit(bench: OutboxBench, data: object, key: str = "", **scheduled: Any) -> list[str]:
    """One transaction; what was not stored, as another one stood for it."""
    skipped: list[str] = []
    schedule = Schedule.of(**scheduled)
    with Session(bench.engine) as session:
        event_id = bench.stage(
            session, data, key, schedule=schedule, on_duplicate=lambda: skipped.append(event_id)
        )
        session.commit()
    return skipped


async def test_a_delayed_event_holds_no_other_of_its_key_back_until_it_is_due(bench: OutboxBench) -> None:
    relay = bench.relay()
    commit(bench, "later", "a", after=MINUTE)
    commit(bench, "now", "a")
    await bench.work(relay)
    assert bench.broker.of("a") == ["now"]
    assert await bench.store.depth() == Depth(0, 0, 0.0, 1)
    bench.clock.advance(59.0)
    await bench.work(relay)
    assert bench.broker.of("a") == ["now"]
    bench.clock.advance(1.0)
    await bench.work(relay)
    assert bench.broker.of("a") == ["now", "later"]
    assert bench.count() == 0


async def test_from_then_on_it_has_its_place_among_those_that_wait(bench: OutboxBench) -> None:
    """Even if another one, staged in the moment at which it is due, could be fetched before it is placed."""
    commit(bench, "first", "a", after=MINUTE)
    commit(bench, "second", "a", at=bench.clock.now() + timedelta(hours=1))
    commit(bench, "third", "a", after=timedelta(seconds=30))
    bench.clock.advance(60.0)
    commit(bench, "fourth", "a")
    commit(bench, "of another key", "b")
    await bench.store.claim("r", 30.0)
    found = await bench.store.fetch("r", FetchRequest(10))
    assert [event.event_id for event in found] == ["e-5"], "nobody has placed those before it"
    await bench.work(bench.relay("r"))
    assert bench.broker.of("a") == ["first", "third", "fourth"]


async def test_a_moment_counts_by_the_clock_of_the_database(bench: OutboxBench) -> None:
    bench.clock.seconds = bench.clock.now().timestamp()
    moment = datetime.fromtimestamp(bench.clock.seconds, UTC) + MINUTE
    commit(bench, "then", at=moment)
    await bench.work(bench.relay())
    assert bench.broker.published == []
    bench.clock.advance(60.0)
    await bench.work(bench.relay())
    assert bench.broker.of("") == ["then"]


async def test_a_relay_is_up_when_something_is_due_and_not_at_its_next_poll_alone(bench: OutboxBench) -> None:
    relay = bench.relay()
    await bench.work(relay)
    commit(bench, "soon", after=timedelta(milliseconds=100))
    relay.wake(scheduled=True)
    await bench.work(relay)
    bench.clock.advance(0.1)
    await bench.work(relay)
    assert bench.broker.of("") == ["soon"]


async def test_a_second_one_with_a_dedupe_key_is_not_stored_and_told_of(bench: OutboxBench) -> None:
    assert commit(bench, 1, "a", dedupe_key="k", after=MINUTE) == []
    assert commit(bench, 2, "a", dedupe_key="k") == ["e-2"]
    assert commit(bench, 3, "a", dedupe_key="l", after=MINUTE) == []
    with Session(bench.engine) as session:
        skipped: list[str] = []
        for name in ("first", "second"):
            told = partial(skipped.append, name)
            bench.stage(session, name, topic="u", schedule=Schedule.of(dedupe_key="k"), on_duplicate=told)
        session.commit()
    assert skipped == ["second"], "of another topic; and twice in one flush"
    assert bench.count() == 3
    bench.clock.advance(60.0)
    await bench.work(bench.relay())
    assert bench.broker.of("a") == [1, 3]
    assert commit(bench, 4, "a", dedupe_key="k") == [], "the first has left"


async def test_an_event_waits_while_its_sidecar_is_away(bench: OutboxBench) -> None:
    relay = bench.relay()
    bench.broker.answers = lambda _: DOWN
    commit(bench, 0)
    await bench.work(relay)
    commit(bench, 1, dedupe_key="k")
    await bench.work(relay)
    assert commit(bench, 2, dedupe_key="k") == ["e-3"]
    depth = await bench.store.depth()
    assert (depth.waiting, depth.delayed) == (2, 0), "one of them has no place yet"


async def test_one_that_a_relay_has_taken_stands_for_no_other(bench: OutboxBench) -> None:
    """Its consumer may have looked before what the later transaction has changed."""
    bench.broker.gate.clear()
    commit(bench, 1, "a", dedupe_key="k")
    relay = bench.relay()
    await bench.work(relay)
    assert commit(bench, 2, "a", dedupe_key="k") == []
    bench.broker.gate.set()
    bench.clock.advance(2.0)
    await bench.work(relay)
    assert bench.broker.of("a") == [1, 2]


async def test_what_is_rolled_back_stands_for_nothing(bench: OutboxBench) -> None:
    with Session(bench.engine) as session:
        with session.begin_nested() as inner:
            bench.stage(session, 1, schedule=Schedule.of(dedupe_key="k"))
            session.flush()
            inner.rollback()
        skipped: list[int] = []
        bench.stage(session, 2, schedule=Schedule.of(dedupe_key="k"), on_duplicate=lambda: skipped.append(2))
        session.flush()
        bench.stage(session, 3, schedule=Schedule.of(dedupe_key="k"), on_duplicate=lambda: skipped.append(3))
        session.commit()
    assert skipped == [3]


async def test_what_has_expired_is_not_sent_but_counted_and_told(
    bench: OutboxBench, caplog: pytest.LogCaptureFixture
) -> None:
    relay = bench.relay()
    bench.broker.answers = lambda _: DOWN
    commit(bench, "short", "a", expires=timedelta(seconds=30))
    commit(bench, "long", "a", expires=timedelta(hours=1))
    commit(bench, "delayed", "a", after=timedelta(seconds=5), expires=timedelta(seconds=30))
    await bench.work(relay)
    bench.clock.advance(31.0)
    with caplog.at_level(logging.WARNING, "outboard.outbox"):
        await bench.work(relay)
    assert "2 events of the outbox were not sent by the time at which they expire, such as e-1" in caplog.text
    bench.broker.answers = lambda _: None
    bench.clock.advance(11.0)
    await bench.work(relay)
    assert bench.broker.of("a") == ["long"]
    assert bench.count() == 0


async def test_one_that_expires_in_memory_is_not_sent(bench: OutboxBench) -> None:
    """It waits behind one that takes long, of its key."""
    commit(bench, 1, "a")
    commit(bench, 2, "a", expires=timedelta(seconds=3))
    commit(bench, 3, "a")
    bench.broker.gate.clear()
    relay = bench.relay()
    await bench.work(relay)
    bench.clock.advance(4.0)
    bench.broker.gate.set()
    await bench.work(relay)
    assert bench.broker.of("a") == [1, 3]
    assert bench.count() == 0


async def test_one_that_failed_and_expires_lets_the_next_go_on(bench: OutboxBench) -> None:
    relay = bench.relay()
    bench.broker.answers = lambda _: BROKEN
    commit(bench, 1, "a", expires=timedelta(seconds=1))
    commit(bench, 2, "a")
    await bench.work(relay, 2)
    bench.broker.answers = lambda _: None
    bench.clock.advance(11.0)
    await bench.work(relay)
    assert bench.broker.of("a") == [2]


@pytest.fixture
def board(bench: OutboxBench, engine: Engine) -> Outboard:
    return Outboard(environ={}, outbox=Outbox(engine))


async def test_cancel_says_whether_something_waited(board: Outboard, bench: OutboxBench) -> None:
    topic = board.topic("t")
    with Session(bench.engine) as session:
        assert not topic.sync.cancel(session, "k")
        topic.stage(session, 1, dedupe_key="k", after=MINUTE)
        assert topic.sync.cancel(session, "k"), "before it was flushed"
        topic.stage(session, 2, dedupe_key="k", after=MINUTE)
        session.commit()
        assert not board.topic("u").sync.cancel(session, "k")
        assert topic.sync.cancel(session, "k")
        session.rollback()
        assert bench.count() == 1, "what is rolled back is not cancelled"
        assert topic.sync.cancel(session, "k")
        assert not topic.sync.cancel(session, "k")
        topic.stage(session, 3, dedupe_key="k")
        session.commit()
    assert bench.count() == 1, "the new one has taken the place of the old one, in one transaction"
    scoped = scoped_session(sessionmaker(bench.engine))
    assert topic.sync.cancel(scoped, "k")
    scoped.commit()
    scoped.remove()
    assert bench.count() == 0


async def test_an_async_session_cancels_as_well(
    board: Outboard, bench: OutboxBench, async_engine: AsyncEngine
) -> None:
    topic, told = board.topic("t"), []
    async with async_sessionmaker(async_engine)() as session:
        topic.stage(session, 1, dedupe_key="k", at=datetime.now(UTC) + MINUTE)
        await session.commit()
        topic.stage(session, 2, dedupe_key="k", on_duplicate=lambda: told.append(2))
        await session.commit()
        assert told == [2]
        assert await topic.cancel(session, "k")
        await session.rollback()
        assert await topic.cancel(session, "k")
        await session.commit()
    assert bench.count() == 0


async def test_what_is_wrong_is_said_where_it_is_staged(board: Outboard, bench: OutboxBench) -> None:
    topic = board.topic("t")
    with Session(bench.engine) as session:
        for arguments, message in (
            ({"after": MINUTE, "at": datetime.now(UTC)}, "give one of them"),
            ({"after": -MINUTE}, "from now on"),
            ({"at": datetime(2030, 1, 1)}, "at needs a time zone"),
            ({"expires": datetime(2030, 1, 1)}, "expires needs a time zone"),
            ({"after": MINUTE, "expires": MINUTE}, "later than the event is due"),
            ({"expires": timedelta(0)}, "later than the event is due"),
            ({"dedupe_key": ""}, "1 to 250 characters"),
            ({"dedupe_key": "x" * 251}, "1 to 250 characters"),
        ):
            with pytest.raises(ValueError, match=message):
                topic.stage(session, 1, **arguments)
        with pytest.raises(TypeError, match="after has to be a timedelta"):
            topic.stage(session, 1, after=60)  # type: ignore[arg-type]
        with pytest.raises(InvalidName, match=r"U\+0000"):
            topic.stage(session, 1, dedupe_key="a\0")
        with pytest.raises(TypeError, match="AsyncSession"):
            await topic.cancel(session, "k")  # type: ignore[arg-type]
        with pytest.raises(OutboxMissing):
            Outboard(environ={}).topic("t").sync.cancel(session, "k")
        assert not session.new
    async with AsyncSession(create_async_engine("sqlite+aiosqlite://")) as asynchronous:
        with pytest.raises(TypeError, match="a Session of SQLAlchemy"):
            topic.sync.cancel(asynchronous, "k")


async def test_the_record_of_hops_tells_of_what_is_not_sent(board: Outboard, bench: OutboxBench) -> None:
    topic = board.topic("t")
    recorder = Hops()
    topic.publisher.hops.journal.recorder = recorder
    with Session(bench.engine) as session:
        topic.stage(session, 1, dedupe_key="k")
        topic.stage(session, 2, dedupe_key="k")
        session.flush()
        topic.sync.cancel(session, "k")
    assert [(hop.kind, hop.detail) for hop in recorder.all] == [
        (HopKind.STAGED, ""),
        (HopKind.STAGED, ""),
        (HopKind.UNSENT, "another event with its dedupe key waited"),
        (HopKind.UNSENT, "it was cancelled by its dedupe key"),
    ]
