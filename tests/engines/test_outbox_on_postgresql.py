"""The outbox on a real PostgreSQL: order of commits, both drivers' ways, several relays, a crash."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox
from outboard.clock import SystemClock
from outboard.doctor.laptop.outboxes import look_at_outboxes
from outboard.errors import NotDurable, PublishForbidden
from outboard.kit.outbox.port import Depth, FetchRequest
from outboard.kit.outbox.relay import Relay
from outboard.kit.outbox.schedule import Schedule
from outboard.kit.outbox.sender import SendContext
from outboard.kit.outbox.sql.engine import LazyEngine
from outboard.kit.outbox.sql.schema import differences
from outboard.kit.outbox.sql.store import SqlOutboxStore
from support.outbox import OutboxBench, running
from support.outboxes import filled_outbox

pytestmark = pytest.mark.anyio

WRITERS = 4
EVENTS = 60
PATIENCE = 60.0


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_url, pool_size=20)
    yield engine
    engine.dispose()


@pytest.fixture
async def bench(engine: Engine) -> OutboxBench:
    made = OutboxBench(engine, real_time=True)
    await made.store.prepare()
    await made.store.prepare()
    return made


def relay(bench: OutboxBench, token: str) -> Relay:
    return Relay(token, bench.store, SendContext(bench.broker.publish, SystemClock(), random.random, 5.0))


async def drained(bench: OutboxBench) -> None:
    deadline = time.monotonic() + PATIENCE
    while await bench.store.waiting():
        assert time.monotonic() < deadline, "not drained"
        await asyncio.sleep(0.02)


async def test_several_writers_and_relays_keep_the_order_of_commits(bench: OutboxBench) -> None:
    committed: dict[str, list[str]] = {f"k{number}": [] for number in range(5)}
    lock = threading.Lock()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(EVENTS):
            keys = chance.sample(sorted(committed), 2)
            data = f"{seed}-{number}"
            with Session(bench.engine) as session:
                for key in keys:
                    bench.stage(session, data, key)
                session.flush()  # the locks are ours from here to the commit: so this is the order
                with lock:
                    if keep := chance.random() < 0.9:
                        for key in keys:
                            committed[key].append(data)
                time.sleep(chance.random() * 0.005)
                session.commit() if keep else session.rollback()

    relays = [relay(bench, f"r{number}") for number in range(3)]
    async with running(relays[0]), running(relays[1]), running(relays[2]):
        await asyncio.gather(*(asyncio.to_thread(write, seed) for seed in range(WRITERS)))
        await drained(bench)
    assert {key: bench.broker.of(key) for key in committed} == committed


async def test_the_second_of_a_key_waits_for_the_first_ones_commit(bench: OutboxBench) -> None:
    """Else its number could be lower than that of an event which nobody can see yet."""
    with Session(bench.engine) as first, Session(bench.engine) as second, Session(bench.engine) as third:
        bench.stage(first, "first", "k")
        first.flush()
        bench.stage(third, "of another key", "l")
        third.commit()
        second.execute(text("SET LOCAL lock_timeout = '100ms'"))
        bench.stage(second, "second", "k")
        with pytest.raises(Exception, match="lock timeout"):
            second.flush()
        second.rollback()
        first.commit()
        bench.stage(second, "second", "k")
        second.commit()


async def test_a_database_that_commits_without_its_disk_is_refused(bench: OutboxBench) -> None:
    for key in ("k", ""):
        with Session(bench.engine) as session:
            session.execute(text("SET LOCAL synchronous_commit = off"))
            bench.stage(session, 1, key)
            with pytest.raises(NotDurable, match="synchronous_commit is off"):
                session.commit()
    assert bench.count() == 0


async def test_an_async_engine_does_as_well(bench: OutboxBench, postgresql_url: str) -> None:
    engine = create_async_engine(postgresql_url)
    async with AsyncSession(engine) as session:
        metadata_key = "k"
        bench.stage(session, 1, metadata_key)  # type: ignore[arg-type]
        bench.stage(session, 2, metadata_key)  # type: ignore[arg-type]
        await session.commit()
    store = SqlOutboxStore(bench.tables, LazyEngine(engine))
    made = Relay("r", store, SendContext(bench.broker.publish, SystemClock(), random.random, 5.0))
    async with running(made):
        await drained(bench)
    await engine.dispose()
    assert bench.broker.of("k") == [1, 2]


async def test_what_is_refused_is_parked(bench: OutboxBench) -> None:
    bench.broker.answers = lambda item: PublishForbidden("p", "t", "no") if b"bad" in item.body else None
    bench.commit("good", "bad", "better", key="k")
    async with running(relay(bench, "r")):
        await drained(bench)
    assert bench.broker.of("k") == ["good", "better"]
    (parked,) = await bench.store.parked(10)
    assert await bench.store.depth() == Depth(0, 1, 0.0)
    assert await bench.store.retry([parked.sequence]) == 1
    assert await bench.store.claim("s", 30.0) == frozenset(range(16))
    assert [item.sequence for item in await bench.store.fetch("s", FetchRequest(10))] == [parked.sequence]


async def test_a_partition_is_leased_once(bench: OutboxBench) -> None:
    claims = await asyncio.gather(*(bench.store.claim(f"r{number}", 30.0) for number in range(8)))
    assert sorted(partition for claim in claims for partition in claim) == [*range(16)]


async def test_database_sessions_that_are_cut_lose_nothing(bench: OutboxBench) -> None:
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with running(relay(bench, "r")):
        for number in range(10):
            bench.engine.dispose()
            bench.commit(number, key="k")
            with bench.engine.begin() as connection:
                connection.execute(cut)
            bench.engine.dispose()
        deadline = time.monotonic() + PATIENCE
        while bench.count():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert bench.broker.first_of("k") == [str(number) for number in range(10)]


def stage_one_id(bench: OutboxBench, *data: int) -> None:
    """In one transaction, all with one id."""
    topic = Outboard(environ={}, outbox=Outbox(bench.engine)).topic("tasks")
    with Session(bench.engine) as session:
        for each in data:
            topic.stage(session, each, id="mine", key="k")
        session.commit()


def constrain_as_before(engine: Engine) -> None:
    """The constraint that the table once had."""
    unique = "UNIQUE (event_id, pubsub, topic)"
    with engine.begin() as connection:
        connection.execute(
            text(f"ALTER TABLE outboard_outbox ADD CONSTRAINT uq_outboard_outbox_event {unique}")
        )


async def test_an_id_may_be_staged_again_and_both_are_published(bench: OutboxBench) -> None:
    stage_one_id(bench, 1, 2)
    stage_one_id(bench, 3)
    async with running(relay(bench, "r")):
        await drained(bench)
    assert (bench.broker.ids, bench.broker.of("k")) == (["mine"] * 3, [1, 2, 3])


async def test_a_table_made_before_is_upgraded(bench: OutboxBench) -> None:
    constrain_as_before(bench.engine)
    stage_one_id(bench, 1)
    with pytest.raises(IntegrityError):
        stage_one_id(bench, 2)
    with bench.engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_outboard_outbox_holding"))
        connection.execute(text("CREATE INDEX ix_outboard_outbox_lane ON outboard_outbox (lane)"))
    Outbox(bench.engine).create_tables(bench.engine)
    stage_one_id(bench, 2)
    assert bench.count() == 2
    indexes = {index["name"] for index in inspect(bench.engine).get_indexes("outboard_outbox")}
    assert indexes == {each.name for each in bench.tables.outbox.indexes}
    assert not inspect(bench.engine).get_unique_constraints("outboard_outbox")


async def test_who_may_not_upgrade_it_goes_on_with_a_warning(
    bench: OutboxBench, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An app that owns no table calls `create_all` at its start, and it does nothing."""
    constrain_as_before(bench.engine)
    with bench.engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS outbox_app"))
        connection.execute(text("CREATE ROLE outbox_app"))
        connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO outbox_app"))
    try:
        with bench.engine.begin() as connection:
            connection.execute(text("SET LOCAL ROLE outbox_app"))
            Outbox(bench.engine).create_tables(connection)
            connection.execute(text("SELECT count(*) FROM outboard_outbox"))  # the transaction goes on
    finally:
        with bench.engine.begin() as connection:
            connection.execute(text("DROP OWNED BY outbox_app"))
            connection.execute(text("DROP ROLE outbox_app"))
    (record,) = caplog.records
    assert "called with the rights of the table's owner, or with a migration" in record.getMessage()
    assert inspect(bench.engine).get_unique_constraints("outboard_outbox")


async def test_the_doctor_looks_into_it(engine: Engine, postgresql_url: str) -> None:
    filled_outbox(engine, waiting=3, parked=2, seconds=5)
    (outbox,) = await look_at_outboxes(postgresql_url)
    assert (outbox.waiting, outbox.parked, outbox.failure) == (3, 2, "")
    assert [event_id for event_id, *_ in outbox.parked_events] == ["p0", "p1"]


def stage_once(bench: OutboxBench, session: Session, data: object, told: list[object]) -> None:
    schedule = Schedule.of(after=timedelta(hours=1), dedupe_key="k")
    bench.stage(session, data, "a", schedule=schedule, on_duplicate=lambda: told.append(data))


async def test_of_two_transactions_with_a_dedupe_key_one_waits_for_the_other(bench: OutboxBench) -> None:
    """Whether it stands for the second one is known when the first has ended; nobody fails."""
    for commits in (True, False):
        told: list[object] = []
        with Session(bench.engine) as first, Session(bench.engine) as second:
            stage_once(bench, first, 1, told)
            first.flush()
            stage_once(bench, second, 2, told)
            flushing = asyncio.create_task(asyncio.to_thread(second.commit))
            await asyncio.sleep(0.2)
            assert not flushing.done()
            first.commit() if commits else first.rollback()
            await flushing
        assert told == ([2] if commits else [])
        assert bench.count() == 1
        with Session(bench.engine) as session:
            assert len(bench.staging.cancel(session, "p", "t", "k")) == 1
            session.commit()


async def test_what_stands_for_another_is_not_taken_before_that_is_committed(bench: OutboxBench) -> None:
    told: list[object] = []
    with Session(bench.engine) as session:
        bench.stage(session, 1, "a", schedule=Schedule.of(dedupe_key="k"))
        session.commit()
        bench.stage(
            session, 2, "a", schedule=Schedule.of(dedupe_key="k"), on_duplicate=lambda: told.append(2)
        )
        session.flush()
        assert told == [2]
        await bench.store.claim("r", 30.0)
        assert (await bench.store.sweep("r", FetchRequest(0))).due == 0
        assert await bench.store.fetch("r", FetchRequest(10)) == []
        session.commit()
    assert (await bench.store.sweep("r", FetchRequest(0))).due == 1
    assert [each.event_id for each in await bench.store.fetch("r", FetchRequest(10))] == ["e-1"]


async def test_times_are_told_apart_by_the_databases_clock(bench: OutboxBench) -> None:
    with Session(bench.engine) as session:
        bench.stage(session, "soon", "a", schedule=Schedule.of(after=timedelta(seconds=0.2)))
        bench.stage(session, "gone", "a", schedule=Schedule.of(expires=timedelta(milliseconds=1)))
        bench.stage(session, "late", "a", schedule=Schedule.of(after=timedelta(hours=1)))
        bench.stage(session, "now", "a")
        session.commit()
        await asyncio.sleep(0.01)
    async with running(relay(bench, "r")):
        deadline = time.monotonic() + PATIENCE
        while len(bench.broker.published) < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    assert sorted(map(str, bench.broker.of("a"))) == ["now", "soon"]
    assert await bench.store.depth() == Depth(0, 0, 0.0, 1)


async def test_a_table_of_an_earlier_version_gets_its_columns(engine: Engine) -> None:
    made = Outbox(engine)
    made.create_tables(engine)
    with engine.begin() as connection:
        for name in ("due_at", "expires_at", "dedupe_key"):
            connection.execute(text(f"ALTER TABLE outboard_outbox DROP COLUMN {name}"))
        connection.execute(text("CREATE INDEX ix_outboard_outbox_due ON outboard_outbox (sequence)"))
        assert len(differences(connection, "outboard_")) > 3
    made.create_tables(engine)
    with engine.connect() as connection:
        assert differences(connection, "outboard_") == []
    assert "ix_outboard_outbox_due" not in {
        each["name"] for each in inspect(engine).get_indexes("outboard_outbox")
    }
