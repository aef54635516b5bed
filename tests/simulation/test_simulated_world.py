"""The simulation's own parts: what they promise is what the runs stand on."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from itertools import count
from random import Random
from typing import Any

import pytest

from simulation.database import Database, Transaction
from simulation.loop import Process, SimulatedLoop, Stuck
from simulation.run import run
from simulation.threads import run_sync, wait_for
from simulation.world import Plan, World

TABLES = [
    "CREATE TABLE app_outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, lane INTEGER)",
    "CREATE TABLE app_inbox (consumer TEXT, event TEXT, PRIMARY KEY (consumer, event))",
]
STAGE = "INSERT INTO app_outbox (lane) VALUES (?)"
CLAIM = "INSERT INTO app_inbox (consumer, event) VALUES (?, ?) ON CONFLICT DO NOTHING"


def peaceful() -> World:
    world = World(1, keeps_story=True)
    world.plan = Plan(0, 0.0, 0.0, 0.0, False)
    world.calm()
    return world


def simulated(world: World, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    world.loop.run(work())


def test_a_killed_process_does_nothing_more_not_even_its_finally() -> None:
    loop, told = SimulatedLoop(Random(1)), list[str]()
    process = Process("victim")
    loop.add(process)

    async def victim() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            told.append("finally")

    async def world() -> None:
        loop.begin(process, victim())
        await asyncio.sleep(0.5)
        loop.kill(process)
        await asyncio.sleep(10)
        assert told == []

    loop.run(world())


def test_time_passes_only_where_everybody_waits() -> None:
    loop = SimulatedLoop(Random(1))

    async def world() -> None:
        await asyncio.sleep(3600)
        assert loop.time() == 3600  # the world's own steps take none

    loop.run(world())


def test_a_process_without_a_pause_is_a_violation() -> None:
    loop, process = SimulatedLoop(Random(1)), Process("busy")
    loop.add(process)

    async def busy() -> None:
        for _ in count():
            await asyncio.sleep(0)

    async def world() -> None:
        loop.begin(process, busy())
        await asyncio.sleep(1)

    with pytest.raises(Stuck, match="busy goes on without end"):
        loop.run(world())


def test_a_thread_dies_with_its_process_and_is_not_cancelled_with_who_waits_for_it() -> None:
    loop, told = SimulatedLoop(Random(1)), list[str]()
    process = Process("victim")
    loop.add(process)

    def thread(name: str) -> None:
        told.append(f"{name} begins")
        wait_for(asyncio.sleep(1))
        told.append(f"{name} ends")

    async def both() -> None:
        for use in (asyncio.to_thread, run_sync):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await use(thread, use.__name__)
            await asyncio.sleep(1)
        await asyncio.to_thread(thread, "the last")

    async def world() -> None:
        loop.begin(process, both())
        await asyncio.sleep(3.5)
        loop.kill(process)
        await asyncio.sleep(10)

    loop.run(world())
    whole = [f"{use} {what}" for use in ("to_thread", "run_sync") for what in ("begins", "ends")]
    assert told == [*whole, "the last begins"]


def test_what_a_thread_raises_is_raised_where_it_is_waited_for() -> None:
    def thread() -> None:
        wait_for(asyncio.sleep(1))
        raise LookupError("nothing")

    async def world() -> None:
        for use in (asyncio.to_thread, run_sync):
            with pytest.raises(LookupError, match="nothing"):
                await use(thread)

    SimulatedLoop(Random(1)).run(world())


def test_numbers_are_drawn_at_the_insert_and_seen_at_the_commit() -> None:
    world = peaceful()
    database = Database(world, "app", TABLES, serial=False)

    async def work() -> None:
        first, second = await database.begin(writes=True), await database.begin(writes=True)
        await database.execute(first, STAGE, (1,))
        await database.execute(second, STAGE, (2,))
        await database.commit(second)
        assert database.rows("SELECT sequence, lane FROM app_outbox") == [(2, 2)]
        await database.commit(first)
        assert database.rows("SELECT sequence, lane FROM app_outbox") == [(1, 1), (2, 2)]

    simulated(world, work)


@pytest.mark.parametrize(("statement", "values"), [(STAGE, (1,)), (CLAIM, ("app", "id"))])
def test_a_lane_and_a_key_of_the_inbox_are_waited_for(statement: str, values: tuple[object, ...]) -> None:
    world = peaceful()
    database = Database(world, "app", TABLES, serial=False)

    async def work() -> None:
        first, second = await database.begin(writes=True), await database.begin(writes=True)
        await database.execute(first, statement, values)
        waiting = asyncio.ensure_future(database.execute(second, statement, values))
        await asyncio.sleep(1)
        assert not waiting.done()
        await database.commit(first)
        await waiting
        await database.commit(second)

    simulated(world, work)


def test_a_writer_keeps_the_others_out_where_the_database_is_serial() -> None:
    world = peaceful()
    database = Database(world, "app", TABLES, serial=True)

    async def work() -> None:
        await database.begin(writes=True)
        await database.begin(writes=False)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await database.begin(writes=True)

    simulated(world, work)


def test_what_a_killed_process_has_not_committed_is_gone() -> None:
    world = peaceful()
    database = Database(world, "app", TABLES, serial=False)
    process, begun = Process("victim"), list[Transaction]()
    world.loop.add(process)

    async def victim() -> None:
        begun.append(await database.begin(writes=True))
        await database.execute(begun[0], STAGE, (1,))
        await asyncio.sleep(100)

    async def work() -> None:
        world.loop.begin(process, victim())
        await asyncio.sleep(1)
        world.loop.kill(process)
        database.killed(process)
        other = await database.begin(writes=True)
        await database.execute(other, STAGE, (1,))
        await database.commit(other)
        assert database.rows("SELECT count(*) FROM app_outbox") == [(1,)]

    simulated(world, work)


def test_a_run_in_peace_has_no_duplicate() -> None:
    peaceful_ones = [seed for seed in range(40) if not Plan.drawn(Random(f"outboard {seed}")).faults][:3]
    assert peaceful_ones
    for seed in peaceful_ones:
        outcome = run(seed)
        assert not outcome.violations and not outcome.faults
