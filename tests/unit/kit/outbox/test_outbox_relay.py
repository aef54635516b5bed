"""The shipped relay on a real SQLite file, with a broker and a clock of the test's own."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from outboard.errors import (
    OutboxUnavailable,
    PublishFailed,
    PublishForbidden,
    SidecarError,
    SidecarUnavailable,
)
from outboard.kit.client.http import HttpSidecar
from outboard.kit.client.port import Publication
from outboard.kit.client.settings import Settings
from outboard.kit.outbox.ledger import PAGE_EVENTS, UNSETTLED_EVENTS
from outboard.kit.outbox.partitions import LEASE_SECONDS
from outboard.kit.outbox.port import FetchRequest, Refused, Settlement, StoredEvent
from outboard.kit.outbox.relay import FETCH_EVENTS, LEAVING_SECONDS, Relay
from outboard.kit.outbox.sender import SendContext
from outboard.wire.http import Response
from support.outbox import OutboxBench, running, sqlite_engine, until
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio

FORBIDDEN = PublishForbidden("p", "t", "not this one")
DOWN = SidecarUnavailable("here", "publishing", 5.0, "refused")
BROKEN = PublishFailed("p", "t", 500, "ERR", "no leader")


async def test_what_is_committed_is_published_and_deleted(bench: OutboxBench) -> None:
    bench.commit(1, 2, 3, key="a")
    bench.commit(4)
    await bench.work(bench.relay())
    assert bench.broker.of("a") == [1, 2, 3]
    assert bench.broker.of("") == [4]
    assert await bench.store.waiting() == 0


async def test_a_relay_that_runs_is_woken_by_a_commit(bench: OutboxBench) -> None:
    relay = bench.relay()
    loop = asyncio.get_running_loop()

    def wake(scheduled: bool) -> None:
        loop.call_soon_threadsafe(relay.wake, scheduled)

    with bench.wakeups.to(wake):
        async with running(relay):
            for number in range(3):
                await asyncio.to_thread(bench.commit, number, key="a")
                await until(lambda: bench.count() == 0)
                await bench.settle_down()
    assert bench.broker.of("a") == [0, 1, 2], "and the clock stood still: no poll was waited for"


async def test_a_key_has_one_event_under_way_and_others_go_beside_it(bench: OutboxBench) -> None:
    bench.commit(*range(5), key="a")
    bench.commit(*range(5), key="b")
    bench.broker.gate.clear()
    relay = bench.relay()
    await bench.work(relay, 2)
    assert bench.broker.most_at_once == {"a": 1, "b": 1}
    bench.broker.gate.set()
    await bench.work(relay)
    assert bench.broker.most_at_once == {"a": 1, "b": 1}
    assert (bench.broker.of("a"), bench.broker.of("b")) == ([*range(5)], [*range(5)])


async def test_a_crash_between_publish_and_delete_repeats_and_loses_nothing(bench: OutboxBench) -> None:
    bench.commit(1, 2, key="a")
    first = bench.relay("first")
    await first.step()
    await bench.settle_down()
    assert bench.broker.of("a") == [1, 2]
    assert await bench.store.waiting() == 2, "it dies here"
    bench.clock.advance(LEASE_SECONDS + 1)
    await bench.work(bench.relay("second"))
    assert bench.broker.of("a") == [1, 2, 1, 2]
    assert bench.broker.ids[:2] == bench.broker.ids[2:], "the same events: consumers can tell"
    assert await bench.store.waiting() == 0


async def test_nobody_else_publishes_while_the_lease_lasts(bench: OutboxBench) -> None:
    first, second = bench.relay("first"), bench.relay("second")
    await first.step()
    bench.commit(1, key="a")
    bench.clock.advance(LEASE_SECONDS - 1)
    await bench.work(second)
    assert bench.broker.published == []
    bench.clock.advance(2)
    await bench.work(second)
    assert bench.broker.of("a") == [1]


async def test_a_relay_without_partitions_rests_until_it_polls(bench: OutboxBench) -> None:
    await bench.relay("first").step()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.Event().wait()

    bench.clock.sleep = sleep  # type: ignore[method-assign]
    async with running(bench.relay("second")):
        await until(lambda: bool(slept))
    assert min(slept) > 0


async def test_a_lease_is_renewed_in_time(bench: OutboxBench) -> None:
    first, second = bench.relay("first"), bench.relay("second")
    await first.step()
    for _ in range(10):
        bench.clock.advance(LEASE_SECONDS / 2)
        await second.step()
        await first.step()
    bench.commit(1, key="a")
    first.wake()
    second.wake()
    await bench.work(second)
    assert bench.broker.published == []
    await bench.work(first)
    assert bench.broker.of("a") == [1]


async def test_a_relay_that_was_asleep_sends_nothing_more(bench: OutboxBench) -> None:
    bench.commit(1, 2, key="a")
    bench.broker.gate.clear()
    first, second = bench.relay("first"), bench.relay("second")
    await first.step()
    await bench.settle_down()
    bench.clock.advance(LEASE_SECONDS + 1)
    await second.step()
    bench.broker.gate.set()
    await bench.work(second)
    assert bench.broker.of("a").count(2) == 1, "the first one's 1 was under way, its 2 was not"
    assert bench.broker.first_of("a") == ["1", "2"]


async def test_a_late_relay_cannot_park(bench: OutboxBench) -> None:
    bench.commit(1, key="a")
    await bench.store.claim("first", LEASE_SECONDS)
    found = await bench.store.fetch("first", FetchRequest(10))
    bench.clock.advance(LEASE_SECONDS + 1)
    await bench.store.claim("second", LEASE_SECONDS)
    await bench.store.settle("first", Settlement(refused=[Refused(found[0].sequence, "no")]))
    assert await bench.store.parked(10) == []
    assert [event.sequence for event in await bench.store.fetch("second", FetchRequest(10))] == [1]


async def test_a_refusal_from_before_a_retry_does_not_park_again(bench: OutboxBench) -> None:
    """As where nobody knows whether it was written down, or its relay has lost its lease and got it back."""
    bench.commit(1, key="a")
    await bench.store.claim("r", LEASE_SECONDS)
    (found,) = await bench.store.fetch("r", FetchRequest(10))
    late = Settlement(refused=[Refused(found.sequence, "no", found.attempts)])
    await bench.store.settle("r", late)
    assert await bench.store.retry([found.sequence]) == 1
    await bench.store.settle("r", late)
    assert await bench.store.parked(10) == []
    (again,) = await bench.store.fetch("r", FetchRequest(10))
    await bench.store.settle("r", Settlement(refused=[Refused(again.sequence, "no", again.attempts)]))
    assert [event.attempts for event in await bench.store.parked(10)] == [2]


async def test_the_end_waits_for_what_is_under_way_and_gives_partitions_back(bench: OutboxBench) -> None:
    bench.commit(1, 2, key="a")
    bench.broker.gate.clear()
    relay = bench.relay("first")
    task = asyncio.create_task(relay.run())
    await until(lambda: bool(bench.broker.most_at_once))
    task.cancel()
    await bench.settle_down()
    assert not task.done()
    bench.broker.gate.set()
    await asyncio.wait((task,))
    assert bench.broker.of("a") == [1]
    assert await bench.store.waiting() == 1
    await bench.work(bench.relay("second"))
    assert bench.broker.of("a") == [1, 2], "at once, and nothing twice"


async def test_the_end_tries_again_to_write_down_what_was_sent(
    bench: OutboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database may be locked by others just then: what is not written down would come a second time."""
    bench.commit(1, key="a")
    bench.broker.gate.clear()
    relay, settle, locked = bench.relay("first"), bench.store.settle, 2

    async def settle_later(token: str, settlement: Settlement) -> None:
        nonlocal locked
        locked -= 1
        if locked >= 0:
            raise OutboxUnavailable("settle events", "database is locked")
        await settle(token, settlement)

    async def sleep(seconds: float) -> None:
        bench.clock.advance(seconds)

    monkeypatch.setattr(bench.store, "settle", settle_later)
    task = asyncio.create_task(relay.run())
    await until(lambda: bool(bench.broker.most_at_once))
    task.cancel()
    await bench.settle_down()
    monkeypatch.setattr(bench.clock, "sleep", sleep)
    bench.broker.gate.set()
    await asyncio.wait((task,))
    assert await bench.store.waiting() == 0
    assert await bench.store.leases() == {}
    await bench.work(bench.relay("second"))
    assert bench.broker.of("a") == [1], "nothing twice"


async def test_the_end_does_not_wait_for_ever_for_a_database_that_is_away(
    bench: OutboxBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.commit(1, key="a")
    relay = bench.relay("first")
    await relay.step()
    await bench.settle_down()
    assert bench.broker.of("a") == [1]
    tried = 0

    async def settle_never(token: str, settlement: Settlement) -> None:
        nonlocal tried
        tried += 1
        raise OutboxUnavailable("settle events", "no connection")

    async def sleep(seconds: float) -> None:
        bench.clock.advance(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(bench.store, "settle", settle_never)
    monkeypatch.setattr(bench.clock, "sleep", sleep)
    task = asyncio.create_task(relay.run())
    await until(lambda: tried > 0)
    began, before = bench.clock.monotonic(), tried
    task.cancel()
    await asyncio.wait((task,))
    assert tried > before + 1
    assert bench.clock.monotonic() - began < 2 * LEAVING_SECONDS
    assert "what it has published may be published again" in caplog.text
    assert "could not settle events: no connection" in caplog.text


async def test_an_outage_counts_no_attempt_and_asks_seldom(bench: OutboxBench) -> None:
    asked: list[Publication] = []

    def down(publication: Publication) -> SidecarError:
        asked.append(publication)
        return DOWN

    bench.broker.answers = down
    bench.commit(1, key="a")
    bench.commit(2, key="b")
    relay = bench.relay()
    await bench.work(relay)
    assert len(asked) == 2, "both were under way; after that nothing is sent"
    for _ in range(300):
        bench.clock.advance(1)
        await bench.work(relay, 1)
    assert len(asked) < 120
    with bench.engine.connect() as connection:
        row = bench.tables.outbox
        assert connection.execute(select(row.c.attempts, row.c.parked_at)).all() == [(0, None)] * 2
    bench.broker.answers = lambda _: None
    bench.clock.advance(11)
    await bench.work(relay)
    assert sorted(bench.broker.published) == [("a", 1), ("b", 2)]


async def test_a_server_that_is_no_sidecar_takes_no_event(
    bench: OutboxBench, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever listens there answers 200: the events are kept until the sidecar is back."""
    welcome = Response(200, {"content-type": "text/html"}, b"<html>Welcome</html>")
    exchange = ScriptedExchange()
    exchange.answers.append(welcome)
    sidecar = HttpSidecar.through(exchange, Settings(), bench.clock, lambda: 0.5)
    context = SendContext(sidecar.publish, bench.clock, lambda: 0.5, 5.0)
    bench.commit(1, key="a")
    relay = Relay("r", bench.store, context)
    await bench.work(relay)
    assert await bench.store.waiting() == 1
    assert await bench.store.parked(10) == []
    assert "http://127.0.0.1:3500 does not answer as a Dapr sidecar does" in caplog.text
    assert "HTTP 200, text/html: '<html>Welcome</html>'" in caplog.text
    bench.clock.advance(11)
    await bench.work(relay)
    assert await bench.store.waiting() == 0
    assert len(exchange.events) == 2


async def test_one_component_that_is_down_holds_up_no_other(bench: OutboxBench) -> None:
    bench.broker.answers = lambda item: DOWN if item.pubsub == "down" else None
    with Session(bench.engine) as session:
        for number in range(3):
            bench.stage(session, number, f"k{number}", pubsub="down")
            bench.stage(session, number, f"k{number}", pubsub="up")
        session.commit()
    await bench.work(bench.relay())
    assert len(bench.broker.published) == 3


async def test_a_failure_puts_off_its_lane_and_no_other(bench: OutboxBench) -> None:
    bench.broker.answers = lambda item: BROKEN if b'"data": 1' in item.body else None
    bench.commit(1, 2, key="a")
    bench.commit(3, key="b")
    relay = bench.relay()
    await bench.work(relay)
    assert bench.broker.published == [("b", 3)]
    bench.broker.answers = lambda _: None
    bench.clock.advance(2)
    await bench.work(relay)
    assert bench.broker.of("a") == [1, 2]


async def test_what_is_refused_is_parked_and_the_key_goes_on(
    bench: OutboxBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.broker.answers = lambda item: FORBIDDEN if b'"data": 2' in item.body else None
    bench.commit(1, 2, 3, key="a")
    relay = bench.relay()
    with caplog.at_level(logging.ERROR, "outboard.outbox"):
        await bench.work(relay)
    assert bench.broker.of("a") == [1, 3]
    assert "event e-2 for topic 't' of 'p' is parked" in caplog.text
    (parked,) = await bench.store.parked(10)
    assert (parked.event_id, parked.key, parked.attempts) == ("e-2", "a", 1)
    assert "not this one" in parked.error
    assert await bench.store.waiting() == 0

    bench.broker.answers = lambda _: None
    assert await bench.store.retry([parked.sequence]) == 1
    relay.wake()
    await bench.work(relay)
    assert bench.broker.of("a") == [1, 3, 2]
    assert await bench.store.parked(10) == []


async def test_what_is_refused_may_hold_its_key(bench: OutboxBench) -> None:
    bench.broker.answers = lambda item: FORBIDDEN if b'"data": 2' in item.body else None
    bench.commit(1, 2, 3, key="a", hold=True)
    bench.commit(4, key="b", hold=True)
    relay = bench.relay()
    await bench.work(relay)
    assert sorted(bench.broker.published) == [("a", 1), ("b", 4)]
    (parked,) = await bench.store.parked(10)
    assert await bench.store.drop([parked.sequence, 999]) == 1
    relay.wake()
    await bench.work(relay)
    assert bench.broker.of("a") == [1, 3]


async def test_a_busy_key_leaves_room_for_others(bench: OutboxBench) -> None:
    with Session(bench.engine) as session:
        for number in range(1_500):
            bench.stage(session, number, "busy")
        bench.stage(session, "x", "rare")
        session.commit()
    bench.broker.answers = lambda item: None
    bench.broker.gate.clear()
    relay = bench.relay()
    await bench.work(relay, 8)
    assert bench.broker.most_at_once["rare"] == 1


async def test_a_long_key_does_not_wait_for_the_poll_whenever_it_runs_short(bench: OutboxBench) -> None:
    with Session(bench.engine) as session:
        for number in range(700):
            bench.stage(session, number, "busy")
        bench.stage(session, "x", "rare")
        session.commit()
    async with running(bench.relay()):
        await until(lambda: bench.count() == 0)
    assert bench.broker.of("busy") == [*range(700)], "and the clock stood still: no poll was waited for"
    assert bench.broker.of("rare") == ["x"]


async def test_numbers_are_never_given_twice(bench: OutboxBench) -> None:
    """A late relay deletes by number what it has published: it must not be another event by then."""
    bench.commit(1)
    await bench.store.settle("anyone", Settlement(delivered=[1]))
    bench.commit(2)
    await bench.store.claim("r", LEASE_SECONDS)
    assert [event.sequence for event in await bench.store.fetch("r", FetchRequest(10))] == [2]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_order_within_a_key_survives_broken_leases_and_failures(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Three relays that ignore half of the live leases, are killed, and meet failures at random."""
    chance = random.Random(seed)
    for engine in sqlite_engine(tmp_path_factory.mktemp("outbox")):
        bench = OutboxBench(engine)
        await bench.store.prepare()
        expected = await _storm(bench, chance)
        for key, data in expected.items():
            assert bench.broker.first_of(key) == data, "first appearances, in the order of the commits"
        assert await bench.store.waiting() == 0


async def _storm(bench: OutboxBench, chance: random.Random) -> dict[str, list[str]]:
    expected: dict[str, list[str]] = {key: [] for key in "abc"}
    names = (f"r{number}" for number in itertools.count())
    relays = [bench.relay(next(names)) for _ in range(3)]
    failures: list[SidecarError | None] = [None, None, None, DOWN, BROKEN]
    bench.broker.answers = lambda _: chance.choice(failures)
    for number in range(40):
        key = chance.choice("abc")
        with Session(bench.engine) as session:
            bench.stage(session, number, key)
            if chance.random() < 0.8:
                session.commit()
                expected[key].append(str(number))
        index = chance.randrange(3)
        if chance.random() < 0.05:
            relays[index] = bench.relay(next(names))  # killed: what it had under way goes on, unrecorded
        if chance.random() < 0.3:
            with bench.engine.begin() as connection:
                connection.execute(bench.tables.lease.update().values(lease_until=0))
        relays[index].wake()
        await relays[index].step()
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        bench.clock.advance(chance.random())
    bench.broker.answers = lambda _: None
    bench.clock.advance(LEASE_SECONDS + 61)
    for _ in range(12):
        bench.clock.advance(1)
        await bench.work(relays[0], 1)
    return expected


async def test_a_database_that_is_away_loses_nothing(
    bench: OutboxBench, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    bench.commit(1, key="a")
    relay = bench.relay()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outboard_outbox RENAME TO elsewhere")
    task = asyncio.create_task(relay.run())
    await until(lambda: "the outbox is not relayed for now" in caplog.text)
    task.cancel()
    await asyncio.wait((task,))
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO outboard_outbox")
    await bench.work(bench.relay())
    assert bench.broker.of("a") == [1]
    assert "Make the tables with" in caplog.text


async def test_with_enough_in_hand_a_question_is_put_for_many_events_only(bench: OutboxBench) -> None:
    """Each of them is to leave out all that is in memory, which takes as long for one event as for many."""
    with Session(bench.engine) as session:
        for number in range(1_700):
            bench.stage(session, number)
        session.commit()
    turns = asyncio.Semaphore(0)

    async def publish(publication: Publication, timeout: float) -> None:
        await turns.acquire()
        await bench.broker.publish(publication, timeout)

    relay = Relay("r", bench.store, SendContext(publish, bench.clock, lambda: 0.5, 5.0))
    fetch, asked = bench.store.fetch, list[tuple[int, bool]]()

    async def counted(token: str, wanted: FetchRequest) -> Sequence[StoredEvent]:
        asked.append((wanted.limit, relay._sender.backlog.idle_count >= UNSETTLED_EVENTS))
        return await fetch(token, wanted)

    bench.store.fetch = counted  # type: ignore[method-assign]
    while bench.count():
        for _ in range(PAGE_EVENTS):
            turns.release()
        await bench.work(relay, 1)
    assert len(bench.broker.published) == 1_700
    assert {limit for limit, has_enough in asked if has_enough} == {FETCH_EVENTS}
    assert len(asked) < 12, "of which one or two find that nothing is left"
