"""One run: a system of services, sidecars, a broker and appliers, from its start to its end, by a seed."""

from __future__ import annotations

import gc
import logging
import random
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from unittest.mock import patch

from fastapi.dependencies import models
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from outboard import Outboard
from outboard.errors import OutboxUnavailable
from outboard.kit.deadletters.port import PARKED as PARKED_ID
from outboard.kit.outbox import lease
from outboard.sidecar.components.port import Message
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.identity import new_id
from simulation.apps import NAMES, TASKS, applier_of, service_of
from simulation.broker import PEERS, SimulatedBroker
from simulation.database import Database
from simulation.dialect import current
from simulation.hosts import Host, sidecar_of
from simulation.invariants import Committed, Evidence, committed_in, event_of, violations
from simulation.letter_invariants import violations_of_letters
from simulation.letters import LettersSeen, dead_at, is_replayed
from simulation.loop import PROCESS, Stuck
from simulation.operating import replay_parked
from simulation.script import KINDS, KINDS_TO_PARK, KINDS_TO_REPLAY, NAME, drawn_script, time_events
from simulation.threads import run_sync
from simulation.tools import APPLIERS, COLLECTOR, STAGED, tools
from simulation.world import STOPS, World

__all__ = ["Outcome", "run"]

PATIENCE: Final = 400.0
"""Seconds after the last fault in which all has to come to its end."""
PARKED: Final = "SELECT event_id FROM outboard_outbox WHERE parked_at IS NOT NULL"
TIMED: Final = "SELECT event_id, dedupe_key FROM outboard_outbox WHERE {} IS NOT NULL"
CANCELS: Final = re.compile(r"DELETE FROM outboard_outbox WHERE .*dedupe_key = ")
PLACED: Final = "SELECT event_id FROM outboard_outbox WHERE due_at < 0"
"""Those that a relay has taken when they were due."""
EAGER: Final = 0.3
"""How likely an operator is to have an event tried again before the broker takes it."""
HASTE: Final = 0.8
"""The same, at once, where a fault is aimed at that moment."""
MOST_EAGER: Final = 20
LOOK: Final = 0.5
LEASE: Final = 35.0
TOO_LARGE: Final = "message too large"
STARVED: Final = PEERS[3]
DEAD: Final = f"{TASKS}-dead"
CACHES: Final = [each for each in vars(models).values() if hasattr(each, "cache_clear")]
"""FastAPI keeps what it has found out of a function, and with a method its board and all the world."""


_has_run: list[bool] = []


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. `took` is how long, by its own clock, and `steps` are those of processes."""

    seed: int
    violations: Sequence[str]
    digest: str
    faults: Counter[str]
    events: int
    steps: int
    took: float
    story: Sequence[str] | None


def run(seed: int, *, keeps_story: bool = False, only: str = "", parts: Collection[str] = ()) -> Outcome:
    """Let a run of `seed` go from its start to its end.

    With `only`, all of its faults are of that kind; it has these `parts`, which otherwise some runs have.
    """
    with _left_to_nobody():
        outcome = _run(World(seed, keeps_story=keeps_story, only=only, parts=parts))
    if not _has_run:
        _has_run.append(True)
        gc.freeze()  # what stays until the end of the Python process is not looked at again
    return outcome


@contextmanager
def _left_to_nobody() -> Iterator[None]:
    """What a run has made is gone behind it, in one go: else each takes longer than the one before."""
    gc.disable()
    try:
        yield
    finally:
        for cached in CACHES:
            cached.cache_clear()
        gc.enable()
        gc.collect()


def _run(world: World) -> Outcome:
    with _decided(world):
        system = _System(world)
        try:
            world.loop.run(system.live())
        except Stuck as error:
            system.seen.unfinished = str(error)
        evidence = system.evidence()
        system.close()
    found = [*violations(evidence), *system.violations_of_letters()]
    return Outcome(
        world.seed, found, world.digest, world.faults, len(evidence.committed), world.loop.steps, world.now,
        world.story,
    )  # fmt: skip


@contextmanager
def _decided(world: World) -> Iterator[None]:
    """What would be drawn by the machine is drawn by the seed."""
    state, drawn = random.getstate(), Random(f"ids {world.seed}").randbytes
    disabled = logging.root.manager.disable
    random.seed(world.seed)
    logging.disable(logging.CRITICAL)
    try:
        # The function of new ids has kept the machine's own as its default.
        with (
            patch("os.urandom", drawn),
            patch.object(new_id, "__defaults__", (drawn,)),
            patch.object(lease, "process_identity", world.machines.identity),
            patch.object(lease, "has_ended", world.machines.has_ended),
            patch("anyio.to_thread.run_sync", run_sync),
        ):
            yield
    finally:
        logging.disable(disabled)
        random.setstate(state)


class _System:
    """Three replicas of a service, and two of the first applier and one of the other, each with a sidecar."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen = Evidence()
        self.script = drawn_script(world.random, _kinds(world))
        if world.letters:
            self.script.mended_at = Random(f"mended {world.seed}").choice((1.5, 3.0, 6.0))
        if not world.plan.skewed:  # what an hour back and forth does to times is no mistake
            time_events(self.script, Random(f"times {world.seed}"))
        if world.only == STARVED:
            self.script.long_work |= {entry.number for each, _ in self.script.transactions for entry in each}
        self.fixed_at = 0.0
        """When the broker begins to take the events that it refuses."""
        if any(entry.kind == "refused" for entries, _ in self.script.transactions for entry in entries):
            chances = (0, 85, 15) if world.plan.aims_at("park") else (50, 35, 15)
            self.fixed_at = world.random.choices((3.0, 8.0, 50.0), chances)[0]
        made = tools(world)
        self.outbox = made.outbox(threads=world.threads)
        serial = world.random.random() < 0.3
        self.databases = {
            name: Database(world, name, tables, serial=serial) for name, tables in made.tables.items()
        }
        current.clear()
        current.update(self.databases)
        self.databases[STAGED].committed = self._committed
        self.letters = LettersSeen(self.databases[COLLECTOR]) if world.letters else None
        self.broker = SimulatedBroker(world)
        self.broker.refuses = self._refuses
        self.broker.told = self._told
        self.hosts: list[Host] = []
        self.services: list[Host] = []
        for number in range(world.random.randint(2, 3)):
            self._add_service(number + 1)
        for name in APPLIERS:
            for number in range(world.random.randint(1, 2)):
                self._add_applier(name, number + 1)
        self._retried: set[int] = set()
        self._parked: set[str] = set()
        self._expiring: set[str] = set()
        self._named: set[str] = set()
        self._placed: set[str] = set()
        self._refused_at: dict[str, float] = {}
        self._retried_at: dict[str, float] = {}
        self._asks_for_leases = False
        self._eager = MOST_EAGER
        self._haste = HASTE if world.plan.aims_at("park") else EAGER

    async def live(self) -> None:
        world = self.world
        for host in self.hosts:
            host.start()
        for _ in range(world.random.randint(0, 3) if world.plan.faults and not world.only else 0):
            world.beside(self._event())
        if world.only == STOPS:
            world.beside(self._stops())
        while not self._is_done():
            if world.now > max(world.last_fault, world.plan.seconds, self.fixed_at) + PATIENCE:
                self.seen.unfinished = self._what_is_left()
                return
            await world.wait(LOOK, LOOK)
            await self._operate()
        world.calm()
        if self.letters is not None:
            board = Outboard(app_id=COLLECTOR, environ={})
            await self.letters.count(tools(world).letters(board, threads=world.threads))
        self._asks_for_leases = self._is_long_calm()  # before relays that end make it long
        for host in self.hosts:
            if "sidecar" not in host.name:
                await host.terminate()

    def evidence(self) -> Evidence:
        seen, world = self.seen, self.world
        arrivals = zip(self.broker.wire, self.broker.arrived, strict=True)
        tasks = [
            (message, at) for (topic, message), at in arrivals if topic == TASKS and not is_replayed(message)
        ]
        seen.wire, seen.arrived = [_on_wire(message) for message, _ in tasks], [at for _, at in tasks]
        seen.harm = frozenset(world.faults)
        seen.only_stops = world.only == STOPS
        seen.with_letters = world.letters
        for name in APPLIERS:
            rows = self.databases[name].rows('SELECT event_id, "key" FROM ledger ORDER BY "row"')
            seen.applied[name] = [(row[0], row[1]) for row in rows]
            seen.dead[name] = [id for app, id in self._dead() if app == name]
        database = self.databases[STAGED]
        seen.stored = database.rows("SELECT count(*) FROM outboard_outbox")[0][0]
        if not seen.unfinished and self._asks_for_leases:
            seen.leases = [
                row[0]
                for row in database.rows("SELECT DISTINCT token FROM outboard_outbox_lease WHERE token != ''")
            ]
        seen.faults = sum(world.faults.values())
        seen.errors = world.loop.errors
        return seen

    def violations_of_letters(self) -> list[str]:
        """What is not true of them."""
        if self.letters is None:
            return []
        poison = [event for event in self.seen.committed if event.is_poison]
        seen = self.letters.evidence(poison, self._dead(), self.script.misdirected, self.seen.harm)
        seen.only_stops = self.seen.only_stops
        return violations_of_letters(seen)

    def _is_long_calm(self) -> bool:
        """Whether a lease of a relay that was killed would be over by now, and nobody keeps others from the
        tables: one that is stopped may have them locked while the others end.
        """
        if any(host.process.stopped for host in self.hosts):
            return False
        killed = [host.died_at for host in self.hosts if host.died_at is not None]
        return not self.world.database_offset and self.world.now > max(killed, default=-LEASE) + LEASE

    def close(self) -> None:
        current.clear()

    def _add_service(self, number: int) -> None:
        sidecar = Host(
            self.world, f"todo-{number}-sidecar", sidecar_of(self.world, "todo", self.broker, None)
        )
        self._add(sidecar)
        service = service_of(self.world, self.script, lambda: sidecar)
        self.services.append(Host(self.world, f"todo-{number}", service))
        self._add(self.services[-1])

    def _add_applier(self, name: str, number: int) -> None:
        app = Host(self.world, f"{name}-{number}", applier_of(self.world, name, self.script, lambda: sidecar))
        sidecar = Host(
            self.world, f"{name}-{number}-sidecar", sidecar_of(self.world, name, self.broker, lambda: app)
        )
        self._add(sidecar)
        self._add(app)

    def _add(self, host: Host) -> None:
        for database in self.databases.values():
            host.on_killed.append(database.killed)
        self.hosts.append(host)

    def _committed(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        staged = committed_in(statements)
        self.seen.committed += staged
        self._look_at_times(statements, staged)
        parked = {row[0] for row in self.databases[STAGED].rows(PARKED)}
        self.seen.undone += [
            each
            for each in sorted(parked - self._parked)
            if self._retried_at.get(each, -1.0) > self._refused_at.get(each, 0.0)
        ]
        for _ in parked - self._parked:
            if self._eager > 0 and self.world.random.random() < self._haste:
                self._eager -= 1
                self.world.beside(self._hurry())
        self._parked = parked

    def _look_at_times(
        self, statements: Sequence[tuple[str, Sequence[Any]]], staged: Sequence[Committed]
    ) -> None:
        seen, rows = self.seen, self.databases[STAGED].rows
        expiring = {row[0] for row in rows(TIMED.format("expires_at"))}
        seen.gone |= dict.fromkeys(self._expiring - expiring, self.world.database_milliseconds)
        self._expiring = expiring
        found = rows(TIMED.format("dedupe_key"))
        named, waiting = {row[0] for row in found}, {row[1] for row in found}
        if any(CANCELS.match(text) for text, _ in statements):
            stored = {row[0] for row in rows("SELECT event_id FROM outboard_outbox")}
            seen.cancelled |= (self._named - named) | ({event.id for event in staged} - stored)
        self._named = named
        placed = {row[0] for row in rows(PLACED)}
        if placed - self._placed and self.world.random.random() < HASTE:
            self.world.beside(self._cancel())
        self._placed = placed
        writer, names = NAMES.get((PROCESS.get(), []))
        if writer is not PROCESS.get():
            return
        seen.unguarded += [name for name in names if name not in waiting]
        names.clear()  # what is begun from here on inherits them

    async def _cancel(self) -> None:
        """Too late for what was taken, and in time for what waits."""
        await self.world.wait(0.0, 0.03)
        topic = Outboard(app_id="todo", environ={}, outbox=self.outbox).topic(TASKS)
        try:
            async with AsyncSession(tools(self.world).engines[STAGED]) as session:
                await topic.cancel(session, NAME)
                await session.commit()
        except SQLAlchemyError as error:
            self.world.tell(f"nothing is cancelled: {type(error).__name__}")

    def _told(self, topic: str, message: Message) -> None:
        if self.letters is not None and topic == TASKS and is_replayed(message):
            self.letters.arrived(message)

    def _refuses(self, topic: str, message: Message) -> str:
        if topic != TASKS or self.world.now >= self.fixed_at or b'"refused"' not in message.data:
            return ""
        self._refused_at[_on_wire(message).id] = self.world.now
        return TOO_LARGE

    async def _event(self) -> None:
        """What an operator, a peer, or a clock does in the midst of it."""
        world = self.world
        await world.wait(0.0, world.plan.seconds)
        kind = world.happens("SIGTERM", "lease ignored", *(("clock",) if world.plan.skewed else ()))
        if kind == "SIGTERM":
            host: Host = world.pick(self.hosts)
            await host.terminate()
            if host.process.alive:
                world.loop.kill(host.process)
        elif kind == "lease ignored":
            self.databases[STAGED].change("UPDATE outboard_outbox_lease SET lease_until = 0")
        elif kind == "clock":
            world.database_offset += world.pick((-3600.0, 3600.0))

    async def _stops(self) -> None:
        """Ask one app after the other to stop, as a deployment does: each begins again before the next."""
        world = self.world
        while world.now < world.plan.seconds:
            await world.wait(0.2, 1.5)
            host: Host = world.pick([each for each in self.hosts if "sidecar" not in each.name])
            if host.process.alive and host.exchange is not None:
                world.happens(STOPS)
                await host.terminate()
                if host.process.alive:
                    world.loop.kill(host.process)

    async def _hurry(self) -> None:
        """Before whoever has parked an event may know that it has."""
        await self.world.wait(0.0, 0.1)
        await self._try_again()

    async def _operate(self) -> None:
        """Have what was parked tried again: now and then while the broker refuses it, and then once."""
        world, is_fixed = self.world, self.world.now > self.fixed_at
        if not self._parked or (not is_fixed and world.random.random() > EAGER):
            return
        await self._try_again()

    async def _try_again(self) -> None:
        if self.letters is not None:  # by the commands of dead letters, in a process that may die of it
            host: Host = self.world.pick(self.services)
            if host.process.alive:
                self.world.loop.begin(host.process, self._replay_parked())
            return
        world, is_fixed = self.world, self.world.now > self.fixed_at
        asked_at = world.now
        try:
            parked = await self.outbox.parked()
            again = [event for event in parked if event.sequence not in self._retried]
            await self.outbox.retry(again)
        except OutboxUnavailable as error:
            world.tell(f"has nothing tried again: {error}")
            return
        world.tell(f"has {len(again)} parked events tried again")
        self._retried_at |= {event.event_id: asked_at for event in again}
        if is_fixed:
            self._retried.update(event.sequence for event in again)

    async def _replay_parked(self) -> None:
        world, is_fixed, asked_at = self.world, self.world.now > self.fixed_at, self.world.now
        try:
            again = await replay_parked(world, self.outbox, self._retried)
        except OutboxUnavailable as error:
            world.tell(f"replays nothing that is parked: {error}")
            return
        self._retried_at |= dict.fromkeys((letter.event_id for letter in again), asked_at)
        if is_fixed:
            self._retried.update(int(letter.id.removeprefix(PARKED_ID)) for letter in again)

    def _is_done(self) -> bool:
        return self.world.now > min(self.world.plan.seconds, 2.0) and not self._what_is_left()

    def _what_is_left(self) -> str:
        if self.script.transactions:
            return f"{len(self.script.transactions)} transactions"
        stored = self.databases[STAGED].rows("SELECT count(*) FROM outboard_outbox")[0][0]
        if stored:
            return f"{stored} events in the outbox"
        if any(process.alive for process in self.script.writers):
            return "a transaction that stages events"
        on_wire = {_on_wire(message).id for topic, message in self.broker.wire if topic == TASKS}
        good = sum(
            (not event.is_poison or self.world.letters) and self.seen.had_to_leave(event, on_wire)
            for event in self.seen.committed
        )
        for name in APPLIERS:
            applied = self.databases[name].rows("SELECT count(DISTINCT event_id) FROM ledger")[0][0]
            if applied < good:
                return f"{good - applied} events that {name} has not applied"
        return self._letters_left()

    def _letters_left(self) -> str:
        poison = sum(event.is_poison for event in self.seen.committed)
        for name in APPLIERS:
            found = len({id for app, id in self._dead() if app == name})
            if found < poison:
                return f"{poison - found} dead letters of {name}"
        return "" if self.letters is None else self.letters.left(self._dead())

    def _dead(self) -> Counter[tuple[str, str]]:
        """The dead letters on their topic, by app and event."""
        return Counter(dead_at(message) for topic, message in self.broker.wire if topic == DEAD)


def _kinds(world: World) -> Mapping[str, int]:
    if world.plan.aims_at("park"):
        return KINDS_TO_PARK
    return KINDS_TO_REPLAY if world.letters else KINDS


def _on_wire(message: Message) -> Any:
    return event_of(message.data, message.metadata.get(PARTITION_KEY, ""))
