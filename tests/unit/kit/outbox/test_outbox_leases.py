"""Who may take a partition, and when: after a clock went back, after a kill, and after a stop."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, event, select

from outboard.errors import OutboxUnavailable, PublishFailed, PublishForbidden
from outboard.host.processes import ProcessIdentity, process_identity
from outboard.kit.outbox.lease import holder_of, is_abandoned, new_token
from outboard.kit.outbox.partitions import LEASE_SECONDS, PARTITIONS
from outboard.kit.outbox.port import FetchRequest, Postponed, Settlement
from outboard.kit.outbox.sql.engine import LazyEngine
from support.outbox import OutboxBench, until

pytestmark = pytest.mark.anyio

ALL = frozenset(range(PARTITIONS))
GONE = replace(process_identity(), process=2**22 + 1)
HOUR = 3_600.0


async def test_a_lease_from_before_the_clock_went_back_is_none(bench: OutboxBench) -> None:
    assert await bench.store.claim("first", LEASE_SECONDS) == ALL
    bench.clock.advance(-HOUR)
    assert await bench.store.claim("second", LEASE_SECONDS) == ALL
    assert await bench.store.claim("first", LEASE_SECONDS) == frozenset(), "this one is from now"


async def test_a_claim_that_has_waited_for_another_takes_nothing_from_it(bench: OutboxBench) -> None:
    """It looked at the clock before, and what the other one got ends later than it could have it."""
    assert await bench.store.claim("first", LEASE_SECONDS) == ALL
    bench.clock.advance(-1.0)
    assert await bench.store.claim("second", LEASE_SECONDS) == frozenset()


async def test_a_clock_that_went_back_holds_no_relay_up(bench: OutboxBench) -> None:
    bench.commit(1, key="a")
    await bench.relay("first").step()
    await bench.settle_down()
    bench.clock.advance(-HOUR)
    await bench.work(bench.relay("second"))
    assert bench.broker.first_of("a") == ["1"]
    assert await bench.store.waiting() == 0


async def test_what_was_put_off_before_the_clock_went_back_is_due(bench: OutboxBench) -> None:
    bench.commit(1, 2, key="a")
    await bench.store.claim("r", LEASE_SECONDS)
    await bench.store.settle("r", Settlement(postponed=[Postponed(1, 60.0, "no leader")]))
    assert await bench.store.fetch("r", FetchRequest(10)) == []
    bench.clock.advance(-HOUR)
    await bench.store.claim("r", LEASE_SECONDS)
    assert [found.sequence for found in await bench.store.fetch("r", FetchRequest(10))] == [1, 2]


async def test_the_lease_of_a_process_that_is_gone_is_free_at_once(bench: OutboxBench) -> None:
    assert await bench.store.claim(new_token(GONE), LEASE_SECONDS) == ALL
    assert await bench.store.claim(new_token(), LEASE_SECONDS) == ALL


async def test_a_new_process_with_the_number_of_the_old_one_is_not_it(bench: OutboxBench) -> None:
    killed = replace(process_identity(), started=process_identity().started - 60)
    assert await bench.store.claim(new_token(killed), LEASE_SECONDS) == ALL
    assert await bench.store.claim(new_token(), LEASE_SECONDS) == ALL


@pytest.mark.parametrize(
    "token",
    [
        new_token(),
        new_token(replace(GONE, host="another machine, or another container")),
        new_token(replace(GONE, host="")),
        "d9428888-122b-41e1-b85c-61c0c7b0b1cc",
        "zz.1.2.3",
    ],
    ids=["alive", "elsewhere", "nobody knows where", "of an older version", "nonsense"],
)
async def test_where_it_is_in_doubt_the_lease_is_waited_for(bench: OutboxBench, token: str) -> None:
    assert await bench.store.claim(token, LEASE_SECONDS) == ALL
    assert await bench.store.claim(new_token(), LEASE_SECONDS) == frozenset()
    bench.clock.advance(LEASE_SECONDS + 1)
    assert await bench.store.claim(new_token(), LEASE_SECONDS) == ALL


def test_a_token_names_its_process_and_has_room_in_its_column() -> None:
    longest = ProcessIdentity("h" * 300, 2**32, 10.0**10)
    token = new_token(longest)
    assert len(token) <= 64
    found = holder_of(token)
    assert found is not None
    assert (found.process, found.started) == (longest.process, longest.started)
    assert new_token(longest) != token
    assert not is_abandoned(new_token())


async def test_a_write_that_is_cancelled_is_ended_first(engine: Engine) -> None:
    """Else it is committed later, when whoever cancelled it has tidied up already."""
    began, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def write(_: object) -> None:
        began.set()
        assert go_on.wait(60)
        ended.set()

    task = asyncio.create_task(LazyEngine(engine).run("write", write))
    await until(began.is_set)
    task.cancel()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_write_that_is_cancelled_may_fail(engine: Engine) -> None:
    began, go_on = threading.Event(), threading.Event()

    def write(_: object) -> None:
        began.set()
        assert go_on.wait(60)
        raise OSError("no disk")

    task = asyncio.create_task(LazyEngine(engine).run("write", write))
    await until(began.is_set)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(OutboxUnavailable, match="no disk"):
        await LazyEngine(engine).run("write", write)


async def test_a_stop_while_a_claim_waits_for_the_lock_leaves_no_lease(bench: OutboxBench) -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait_for_lock(connection: Connection) -> None:
        if not began.is_set():
            began.set()
            assert go_on.wait(60)

    relay = bench.relay("r")
    event.listen(bench.engine, "engine_connect", wait_for_lock)
    step = asyncio.create_task(relay.step())
    await until(began.is_set)
    step.cancel()
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await step
    await bench.store.release("r")  # as the relay does when it ends
    await until(go_on.is_set)
    await loop.shutdown_default_executor()
    with bench.engine.connect() as connection:
        assert set(connection.scalars(select(bench.tables.lease.c.token))) == {""}


async def test_attempts_are_those_to_publish_it(bench: OutboxBench) -> None:
    bench.broker.answers = lambda _: PublishFailed("p", "t", 500, "ERR", "no leader")
    bench.commit(1, key="a")
    relay = bench.relay()
    for _ in range(3):
        await bench.work(relay, 2)
        bench.clock.advance(11)
    bench.broker.answers = lambda _: PublishForbidden("p", "t", "not this one")
    await bench.work(relay)
    (parked,) = await bench.store.parked(10)
    assert parked.attempts == bench.broker.asked == 4
