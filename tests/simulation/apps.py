"""The apps of a run, as their authors would write them: some stage events, some apply them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from outboard import Drop, Event, Outboard, Topic
from outboard.asgi import AsgiExchange
from outboard.wire.http import Exchange
from outboard.wire.replays import addressee, replay_id
from simulation.hosts import Host, Running
from simulation.loop import PROCESS, Process
from simulation.network import Link
from simulation.operating import operate
from simulation.script import Entry, Script
from simulation.threads import wait_for
from simulation.tools import COLLECTOR, STAGED, Tools, tools
from simulation.world import STOPS, SimulatedClock, World

__all__ = ["NAMES", "TASKS", "applier_of", "service_of"]

TASKS: Final = "tasks"
WRITERS: Final = 2
OPERATORS: Final = 2
NAMES: Final[ContextVar[tuple[Process, list[str]]]] = ContextVar("names")
"""With which the transaction that is open has staged events, as far as it has not cancelled them again; and
whose it is: what stands up again after a kill in the midst of it inherits them.
"""


class Task(BaseModel):
    """The data of an event."""

    number: int
    key: str
    kind: str


def service_of(world: World, script: Script, sidecar: Callable[[], Host]) -> Running:
    """A service that stages events in its own transactions, and relays them."""

    @asynccontextmanager
    async def running(host: Host) -> AsyncIterator[Exchange]:
        made, clock = tools(world), SimulatedClock(world)
        board = Outboard(app_id="todo", environ={}, clock=clock, outbox=made.outbox(threads=world.threads))
        app = FastAPI(lifespan=board.lifespan, openapi_url=None)
        board.mount(app, health_path=None)
        link = Link(world, f"{host.name} to its sidecar", lambda: sidecar().there())
        async with board.connected(exchange=link), board.lifespan(app):
            writers = [asyncio.ensure_future(_write(world, script, board, made)) for _ in range(WRITERS)]
            try:
                yield AsgiExchange(app)
            finally:
                for writer in writers:
                    writer.cancel()

    return running


async def _write(world: World, script: Script, board: Outboard, made: Tools) -> None:
    topic = board.topic(TASKS, on_refused="hold")
    while script.transactions:
        await world.wait(0.0, 1.5)
        if not script.transactions:
            return
        entries, is_undone = script.transactions.pop(0)
        script.writers.append(PROCESS.get())
        names: list[str] = []
        NAMES.set((PROCESS.get(), names))
        try:
            if world.threads:
                await asyncio.to_thread(_written, world, made, topic, entries, names, is_undone)
            else:
                await _writes(world, made, topic, entries, names, is_undone)
        except SQLAlchemyError as error:  # whatever it is: what is true stands in the database
            world.tell(f"a transaction failed: {type(error).__name__}")
        finally:
            script.writers.remove(PROCESS.get())


async def _writes(
    world: World, made: Tools, topic: Topic[Any], entries: list[Entry], names: list[str], is_undone: bool
) -> None:
    async with async_sessionmaker(made.engines[STAGED], expire_on_commit=False)() as session:
        for entry in entries:
            if entry.cancels is not None:
                await topic.cancel(session, entry.cancels)
                names[:] = [name for name in names if name != entry.cancels]
            _stage(topic, session, entry)
            if entry.name is not None:
                await session.flush()
                names.append(entry.name)
                await world.wait(0.0, 1.5)
            elif world.random.random() < 0.5:
                await session.flush()
                await world.wait(0.0, 0.05)
        if is_undone:
            await session.flush()
            await session.rollback()
        else:
            await session.commit()


def _written(
    world: World, made: Tools, topic: Topic[Any], entries: list[Entry], names: list[str], is_undone: bool
) -> None:
    """The same in a thread, with a `Session`."""
    with Session(made.engines[STAGED].sync_engine, expire_on_commit=False) as session:
        for entry in entries:
            if entry.cancels is not None:
                topic.sync.cancel(session, entry.cancels)
                names[:] = [name for name in names if name != entry.cancels]
            _stage(topic, session, entry)
            if entry.name is not None:
                session.flush()
                names.append(entry.name)
                wait_for(world.wait(0.0, 1.5))
            elif world.random.random() < 0.5:
                session.flush()
                wait_for(world.wait(0.0, 0.05))
        if is_undone:
            session.flush()
            session.rollback()
        else:
            session.commit()


def _stage(topic: Topic[object], session: AsyncSession | Session, entry: Entry) -> None:
    data: dict[str, object] = {"number": entry.number, "key": entry.key, "kind": entry.kind}
    if entry.kind == "misfit":
        data["number"] = f"no number: {entry.number}"
    after = None if entry.after is None else timedelta(seconds=entry.after)
    expires = None if entry.expires is None else timedelta(seconds=entry.expires)
    topic.stage(session, data, key=entry.key, after=after, expires=expires, dedupe_key=entry.name)


def applier_of(world: World, name: str, script: Script, sidecar: Callable[[], Host]) -> Running:
    """An app that applies each event once, to a ledger in its own database."""

    @asynccontextmanager
    async def running(host: Host) -> AsyncIterator[Exchange]:
        made = tools(world)
        board = Outboard(app_id=name, environ={}, clock=SimulatedClock(world))
        app = FastAPI(lifespan=board.lifespan, openapi_url=None)
        _subscribe(_Applier(world, name, script), board, made)
        letters = []
        if world.letters and name == COLLECTOR:
            letters = [made.letters(board, threads=world.threads)] * OPERATORS
        board.mount(app, health_path=None)
        link = Link(world, f"{host.name} to its sidecar", lambda: sidecar().there())
        async with board.connected(exchange=link), board.lifespan(app):
            ends, at = asyncio.Event(), script.mended_at
            operators = [asyncio.ensure_future(operate(world, each, at, ends)) for each in letters]
            try:
                yield AsgiExchange(app)
            finally:
                ends.set()  # as a server lets its requests come to their end, unless somebody is in a hurry
                for operator in operators if world.only != STOPS else ():
                    operator.cancel()
                if operators:
                    await asyncio.wait(operators)

    return running


class _Applier:
    """What both forms of a handler do."""

    def __init__(self, world: World, name: str, script: Script) -> None:
        self.world = world
        self.name = name
        self.script = script

    def looked_at(self, event: Event[Task]) -> dict[str, object]:
        """The row of the ledger."""
        members = event.__pydantic_extra__ or {}
        if (to := addressee(members)) not in ("", self.name):
            self.script.misdirected.append(f"{event.id}, replayed for {to}, was handled by {self.name}")
        is_mended = replay_id(members) and self.world.now >= self.script.mended_at
        if event.data.kind == "poison" and not is_mended:
            raise Drop("it cannot be applied")
        return {"event_id": event.id, "key": event.data.key, "number": event.data.number}

    async def work(self, number: int) -> None:
        await self.world.wait(0.0, 0.02)
        if number in self.script.long_work:
            self.script.long_work.discard(number)
            await self.world.wait(3.0, 8.0)
        left = self.script.failing.get((self.name, number), 0)
        if left:
            self.script.failing[self.name, number] = left - 1
            raise RuntimeError("not now")


def _subscribe(applier: _Applier, board: Outboard, made: Tools) -> None:
    threads = applier.world.threads
    inbox, ledger = made.inbox(applier.name, threads=threads), made.ledgers[applier.name]
    topic = board.topic(TASKS, Task)

    async def apply(event: Event[Task], db: Annotated[AsyncSession, Depends(inbox.session)]) -> None:
        await db.execute(insert(ledger).values(**applier.looked_at(event)))
        await applier.work(event.data.number)

    def apply_in_thread(event: Event[Task], db: Annotated[Session, Depends(inbox.session)]) -> None:
        db.execute(insert(ledger).values(**applier.looked_at(event)))
        wait_for(applier.work(event.data.number))

    handler = apply_in_thread if threads else apply
    topic.subscribe("/tasks", bulk=applier.name == "mailer")(handler)
