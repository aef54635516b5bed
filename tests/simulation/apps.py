"""The apps of a run, as their authors would write them: some stage events, some apply them."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final
from unittest.mock import patch

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.schema import CreateIndex, CreateTable

from outboard import Drop, Event, Outboard, Topic
from outboard.asgi import AsgiExchange
from outboard.clock import SystemClock
from outboard.kit.inbox.sql.inbox import Inbox
from outboard.kit.outbox.sql.outbox import Outbox
from outboard.kit.outbox.wakeups import Wakeups
from outboard.wire.http import Exchange
from simulation.dialect import engine_named
from simulation.hosts import Host, Running
from simulation.loop import PROCESS, Process
from simulation.network import Link
from simulation.world import SimulatedClock, World

__all__ = ["APPLIERS", "NAMES", "TASKS", "Entry", "Script", "Tools", "applier_of", "service_of", "tools"]

TASKS: Final = "tasks"
APPLIERS: Final = ("ledger", "mailer")
"""The first takes events one by one, the second in batches."""
STAGED: Final = "staging"
NAMES: Final[ContextVar[tuple[Process, list[str]]]] = ContextVar("names")
"""With which the transaction that is open has staged events, as far as it has not cancelled them again; and
whose it is: what stands up again after a kill in the midst of it inherits them.
"""


class Task(BaseModel):
    """The data of an event."""

    number: int
    key: str
    kind: str


@dataclass(slots=True)
class Entry:
    """An event that is to be staged. `kind` is what becomes of it: good, poison, misfit or refused.

    It is due so many seconds `after`, `expires` after so many, and has a dedupe `name`. With `cancels`, the
    one that waits with this name is cancelled before it is staged.
    """

    number: int
    key: str
    kind: str
    after: float | None = None
    expires: float | None = None
    name: str | None = None
    cancels: str | None = None


@dataclass(slots=True)
class Script:
    """What the services are to do, whichever of them comes first: transactions, each of some events."""

    transactions: list[tuple[list[Entry], bool]] = field(default_factory=list)
    """The events, and whether they are rolled back."""
    failing: dict[tuple[str, int], int] = field(default_factory=dict)
    """How often an applier fails at the event of a number."""
    long_work: set[int] = field(default_factory=set)
    """The numbers of events that take longer than a group waits for a member."""
    writers: list[Process] = field(default_factory=list)
    """Those that are in the midst of a transaction."""


class _OwnWakeups(Wakeups):
    """One outbox stands for that of every process: a hint reaches the process that committed only."""

    @contextmanager
    def to(self, listener: Callable[[bool], None]) -> Iterator[None]:
        process = PROCESS.get()

        def heard(scheduled: bool) -> None:
            if PROCESS.get() is process:
                listener(scheduled)

        with super().to(heard):
            yield


class Tools:
    """What is made once in a Python process, and holds no state of a run: tables, mapped classes, engines."""

    def __init__(self) -> None:
        self.services = engine_named(STAGED)
        Outbox.make_durable(self.services.sync_engine)
        with patch(f"{Outbox.__module__}.Wakeups", _OwnWakeups):
            self.outbox = Outbox(self.services)
        self.inboxes: dict[str, Inbox] = {}
        self.ledgers: dict[str, Table] = {}
        self.tables = {STAGED: _made(self.outbox.metadata)}
        for name in APPLIERS:
            self._add_applier(name)

    def _add_applier(self, name: str) -> None:
        metadata, engine = MetaData(), engine_named(name)
        Outbox.make_durable(engine.sync_engine)
        self.ledgers[name] = Table(
            "ledger",
            metadata,
            Column("row", Integer, primary_key=True),
            Column("event_id", Text),
            Column("key", Text),
            Column("number", Integer),
        )
        attempts = 8 if name == "mailer" else None
        board = Outboard(app_id=name, environ={}, clock=_RunClock())
        self.inboxes[name] = board.inbox(engine, metadata=metadata, max_attempts=attempts)
        self.tables[name] = _made(metadata)


def _made(metadata: MetaData) -> list[str]:
    dialect = sqlite.dialect()
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    return statements


_tools: list[Tools] = []
_clocks: list[SimulatedClock] = []


class _RunClock(SystemClock):
    """The clock of the run that goes on, for what outlives it."""

    def now(self) -> datetime:
        return _clocks[0].now()

    def monotonic(self) -> float:
        return _clocks[0].monotonic()


def tools(world: World) -> Tools:
    """Those of this Python process, for the run of `world`."""
    if not _tools:
        _tools.append(Tools())
    _clocks[:] = [SimulatedClock(world)]
    return _tools[0]


def service_of(world: World, script: Script, sidecar: Callable[[], Host]) -> Running:
    """A service that stages events in its own transactions, and relays them."""

    @asynccontextmanager
    async def running(host: Host) -> AsyncIterator[Exchange]:
        made, clock = tools(world), SimulatedClock(world)
        board = Outboard(app_id="todo", environ={}, clock=clock, outbox=made.outbox)
        app = FastAPI(lifespan=board.lifespan, openapi_url=None)
        board.mount(app, health_path=None)
        link = Link(world, f"{host.name} to its sidecar", lambda: sidecar().there())
        async with board.connected(exchange=link), board.lifespan(app):
            writers = [asyncio.ensure_future(_write(world, script, board, made)) for _ in range(2)]
            try:
                yield AsgiExchange(app)
            finally:
                for writer in writers:
                    writer.cancel()

    return running


async def _write(world: World, script: Script, board: Outboard, made: Tools) -> None:
    topic = board.topic(TASKS, on_refused="hold")
    sessions = async_sessionmaker(made.services, expire_on_commit=False)
    while script.transactions:
        await world.wait(0.0, 1.5)
        if not script.transactions:
            return
        entries, is_undone = script.transactions.pop(0)
        script.writers.append(PROCESS.get())
        try:
            async with sessions() as session:
                names: list[str] = []
                NAMES.set((PROCESS.get(), names))
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
        except SQLAlchemyError as error:  # whatever it is: what is true stands in the database
            world.tell(f"a transaction failed: {type(error).__name__}")
        finally:
            script.writers.remove(PROCESS.get())


def _stage(topic: Topic[object], session: AsyncSession, entry: Entry) -> None:
    data: dict[str, object] = {"number": entry.number, "key": entry.key, "kind": entry.kind}
    if entry.kind == "misfit":
        data["number"] = f"no number: {entry.number}"
    after = None if entry.after is None else timedelta(seconds=entry.after)
    expires = None if entry.expires is None else timedelta(seconds=entry.expires)
    topic.stage(session, data, key=entry.key, after=after, expires=expires, dedupe_key=entry.name)


def _of_one_process(inbox: Inbox) -> Inbox:
    """`inbox` as a new process has it, which does not know when old rows were deleted."""
    made = copy.copy(inbox)
    made._dependency = copy.copy(inbox._dependency)
    return made


def applier_of(world: World, name: str, script: Script, sidecar: Callable[[], Host]) -> Running:
    """An app that applies each event once, to a ledger in its own database."""

    @asynccontextmanager
    async def running(host: Host) -> AsyncIterator[Exchange]:
        made = tools(world)
        app, board = _applier(world, name, script, made)
        link = Link(world, f"{host.name} to its sidecar", lambda: sidecar().there())
        async with board.connected(exchange=link), board.lifespan(app):
            yield AsgiExchange(app)

    return running


def _applier(world: World, name: str, script: Script, made: Tools) -> tuple[FastAPI, Outboard]:
    inbox, ledger = _of_one_process(made.inboxes[name]), made.ledgers[name]
    board = Outboard(app_id=name, environ={}, clock=SimulatedClock(world))
    topic = board.topic(TASKS, Task)
    app = FastAPI(lifespan=board.lifespan, openapi_url=None)

    @topic.subscribe("/tasks", bulk=name == "mailer")
    async def apply(event: Event[Task], db: Annotated[AsyncSession, Depends(inbox.session)]) -> None:
        task = event.data
        if task.kind == "poison":
            raise Drop("it cannot be applied")
        values = {"event_id": event.id, "key": task.key, "number": task.number}
        await db.execute(insert(ledger).values(**values))
        await world.wait(0.0, 0.02)
        if task.number in script.long_work:
            script.long_work.discard(task.number)
            await world.wait(3.0, 8.0)
        left = script.failing.get((name, task.number), 0)
        if left:
            script.failing[name, task.number] = left - 1
            raise RuntimeError("not now")

    board.mount(app, health_path=None)
    return app, board
