"""Time in a session: what waits for it, and that it comes in its order and at its time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from outboard import Drop, Event, Outboard, Outbox
from outboard.testing import Harness, NotHandled
from outboard.testing.virtual_clock import CallClock, VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    Outbox.make_durable(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def board(engine: Engine) -> Outboard:
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    return Outboard(app_id="shop", outbox=outbox, environ={})


def app_of(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


async def test_a_virtual_clock_never_goes_back() -> None:
    first = VirtualClock()
    await first.sleep(3600)
    latest, second = first.monotonic(), VirtualClock()
    assert second.monotonic() >= latest
    with second.stopped():
        assert second.monotonic() >= max(latest, time.monotonic())
        before = second.now()
        second.pass_to(second.monotonic() + 60)
        second.pass_to(0)
        assert second.now() - before == timedelta(minutes=1)


async def test_a_call_waits_for_nobody() -> None:
    clock = VirtualClock()
    calls = CallClock(clock)
    with clock.stopped():
        before = calls.monotonic()
        await calls.sleep(8)
        assert clock.monotonic() == calls.monotonic() == before + 8
        assert calls.now() == clock.now()


async def test_staged_events_come_when_they_are_due_and_what_they_stage_in_turn(
    outboard: Harness, board: Outboard, engine: Engine
) -> None:
    reminders, handled = board.topic("reminders", int), list[tuple[int, timedelta]]()

    @reminders.subscribe("/reminders")
    def remind(event: Event[int]) -> None:
        handled.append((event.data, s.clock.now() - began))
        if event.data < 3:
            with Session(engine) as session, session.begin():
                reminders.stage(session, event.data + 1, after=timedelta(days=2))

    async with outboard.session(app_of(board)) as s:
        began = s.clock.now()
        with Session(engine) as session, session.begin():
            reminders.stage(session, 1, after=timedelta(days=1))
        await s.quiet()
        s.none(reminders)
        await s.clock.advance(days=8)
    step = timedelta(days=8) / 128  # one step for it to be due, and one for it to be seen
    assert [number for number, _ in handled] == [1, 2, 3]
    for days, (_, when) in zip((1, 3, 5), handled, strict=True):
        assert timedelta(days=days) <= when < timedelta(days=days) + 3 * step


async def test_what_is_staged_at_once_is_published_without_time(
    outboard: Harness, board: Outboard, engine: Engine
) -> None:
    orders = board.topic("orders", int)
    async with outboard.session(app_of(board)) as s:
        with Session(engine) as session, session.begin():
            for number in range(3):
                orders.stage(session, number, key="same")
        await s.quiet()
        assert [event.data for event in s.published(orders)] == [0, 1, 2]


async def test_what_is_due_and_relayed_by_nobody_ends_the_session(
    outboard: Harness, board: Outboard, engine: Engine
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with outboard.session(board):
            with Session(engine) as session, session.begin():
                board.topic("orders", int).stage(session, 1)
    (error,) = caught.value.exceptions
    assert isinstance(error, NotHandled)
    assert "1 staged event(s) are due, and were not published" in str(error)


async def test_an_event_that_expires_is_not_sent(outboard: Harness, board: Outboard, engine: Engine) -> None:
    orders = board.topic("orders", int)
    async with outboard.session(board) as s:  # its relay does not run
        with Session(engine) as session, session.begin():
            orders.stage(session, 1, expires=timedelta(days=1))
            orders.stage(session, 2, expires=timedelta(days=3))
        await s.clock.advance(days=2)
        async with outboard.serving(app_of(board), board):
            await s.quiet()
    assert [event.data for event in s.published(orders)] == [2]


async def test_a_lease_is_over_when_its_time_is(outboard: Harness, board: Outboard, engine: Engine) -> None:
    """Another relay has died with its lease: half a minute later its partitions are taken over."""
    assert board.outbox is not None
    orders = board.topic("orders", int)
    async with outboard.session(board) as s:  # its relay does not run
        await board.outbox.store.prepare()
        assert await board.outbox.store.claim("one that dies", 30)
        with Session(engine) as session, session.begin():
            orders.stage(session, 1)
        async with outboard.serving(app_of(board), board):
            await s.quiet()
            s.none(orders)
            await s.clock.advance(seconds=20)
            s.none(orders)
            await s.clock.advance(seconds=20)
    assert [event.data for event in s.published(orders)] == [1]


async def test_an_inbox_forgets_what_is_old(outboard: Harness, board: Outboard, engine: Engine) -> None:
    inbox = board.inbox(engine, keep=timedelta(days=7))
    inbox.create_tables(engine)
    orders, handled = board.topic("orders", int), list[int]()

    @orders.subscribe("/orders")
    def on_order(event: Event[int], session: Session = Depends(inbox.session)) -> None:  # noqa: B008
        handled.append(event.data)

    def remembered() -> int:
        (table,) = (each for name, each in inbox.metadata.tables.items() if "inbox" in name)
        with engine.connect() as connection:
            return len(connection.execute(select(table)).all())

    async with outboard.session(app_of(board)) as s:
        await orders.publish(1)
        await s.clock.advance(days=6)
        await orders.publish(2)
        await s.quiet()
        assert remembered() == 2
        await s.clock.advance(days=2)
        await orders.publish(3)
        await s.quiet()
        assert remembered() == 2
    assert handled == [1, 2, 3]


async def test_dead_letters_are_deleted_when_they_are_old(
    outboard: Harness, board: Outboard, engine: Engine
) -> None:
    letters = board.dead_letters(engine, expire=timedelta(days=7))
    letters.create_tables(engine)
    orders = board.topic("orders", int)

    @orders.subscribe("/orders")
    async def on_order(event: Event[int]) -> None:
        raise Drop("no")

    async with outboard.session(app_of(board)) as s:
        await orders.publish(1)
        await s.quiet()
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM outboard_dead_letters")).scalar() == 1
        assert await letters.expire() == 0
        await s.clock.advance(days=8)
        assert await letters.expire() == 1


async def test_a_value_of_a_state_store_lives_as_long_as_its_ttl(outboard: Harness, board: Outboard) -> None:
    names = board.state(str)
    async with outboard.session(board) as s:
        await names.save("ana", "Ana", ttl=timedelta(hours=1))
        await s.clock.advance(minutes=59)
        assert await names.get("ana") == "Ana"
        await s.clock.advance(minutes=2)
        assert await names.get("ana") is None


async def test_an_event_that_waits_longer_than_its_ttl_is_not_handled(outboard: Harness) -> None:
    board = Outboard(app_id="shop", environ={})
    orders, handled = board.topic("orders", int), list[int]()

    @orders.subscribe("/orders")
    async def on_order(event: Event[int]) -> None:
        if event.data == 1 and len(handled) < 2:
            handled.append(event.data)
            raise ConnectionError
        handled.append(event.data)

    async with outboard.session(app_of(board)) as s:
        await orders.publish(1, key="k")
        await s.quiet()
        await orders.publish(2, key="k", ttl=3)  # behind the other, which comes again after five seconds
        await s.clock.advance(minutes=1)
    assert handled == [1, 1, 1]


async def test_retries_for_days_are_as_few_as_there_are_steps(outboard: Harness) -> None:
    board = Outboard(app_id="shop", environ={})
    orders, attempts = board.topic("orders", int), list[int]()

    @orders.subscribe("/orders")
    async def on_order(event: Event[int]) -> None:
        attempts.append(event.data)
        raise ConnectionError("away")

    with pytest.raises(ExceptionGroup):
        async with outboard.session(app_of(board)) as s:
            await orders.publish(1)
            await s.clock.advance(seconds=50)
            assert len(attempts) == 11, "the first, and one each five seconds"
            await s.clock.advance(days=8)
            assert 100 < len(attempts) < 300


PUBSUB = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
"""
BREAKER = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: resiliency}
spec:
  policies:
    circuitBreakers:
      two-in-a-row: {maxRequests: 1, timeout: 30s, trip: consecutiveFailures >= 2}
  targets:
    components:
      pubsub: {inbound: {circuitBreaker: two-in-a-row}}
"""


def resources(folder: Path, **texts: str) -> list[Path]:
    for name, content in texts.items():
        (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
    return [folder]


async def test_an_open_circuit_breaker_lets_one_through_after_its_timeout(tmp_path: Path) -> None:
    board = Outboard(app_id="shop", environ={})
    orders, attempts = board.topic("orders", int), list[int]()

    @orders.subscribe("/orders", announce_dead_letter=True)
    async def on_order(event: Event[int]) -> None:
        attempts.append(event.data)
        if event.data < 3:
            raise ConnectionError("away")

    harness = Harness(resources(tmp_path, pubsub=PUBSUB, resiliency=BREAKER))
    async with harness.session(app_of(board)) as s:
        for number in (1, 2, 3):  # two fail and are dead letters; with the third it is open
            await orders.publish(number)
            await s.quiet()
        await s.clock.advance(seconds=29)
        await orders.publish(4)
        await s.quiet()
        assert attempts == [1, 2]
        await s.clock.advance(seconds=2)
        await orders.publish(5)
        await s.quiet()
    assert attempts == [1, 2, 5]
    assert [letter.data for letter in s.dead_letters(orders)] == [1, 2, 3, 4]


async def test_a_bulk_delivery_waits_for_others_as_long_as_it_says(tmp_path: Path) -> None:
    board = Outboard(app_id="shop", environ={})
    orders, batches = board.topic("orders", int), list[list[int]]()

    @orders.subscribe_batch("/orders", max_events=10, max_await_duration_ms=30_000)
    async def on_orders(events: Sequence[Event[int]]) -> None:
        batches.append([event.data for event in events])

    harness = Harness(resources(tmp_path, pubsub=PUBSUB))
    async with harness.session(app_of(board)) as s:
        await orders.publish(1)
        await s.clock.advance(seconds=29)
        assert batches == []
        await s.clock.advance(seconds=2)
        assert batches == [[1]]
