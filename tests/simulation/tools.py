"""What is made once in a Python process, and holds no state of a run: tables, mapped classes, engines."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from unittest.mock import patch

from sqlalchemy import Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateIndex, CreateTable

from outboard import Outboard
from outboard.clock import SystemClock
from outboard.kit.deadletters.sql import table as letters_module
from outboard.kit.deadletters.sql.dead_letters import DeadLetters
from outboard.kit.deadletters.sql.table import letters_table
from outboard.kit.inbox.sql.inbox import Inbox
from outboard.kit.outbox.sql.engine import AnyEngine
from outboard.kit.outbox.sql.outbox import Outbox
from outboard.kit.outbox.wakeups import Wakeups
from simulation.dialect import engine_named
from simulation.loop import PROCESS
from simulation.world import SimulatedClock, World

__all__ = ["APPLIERS", "COLLECTOR", "LETTERS", "STAGED", "Tools", "tools"]

APPLIERS: Final = ("ledger", "mailer")
"""The first takes events one by one, the second in batches."""
COLLECTOR: Final = APPLIERS[0]
"""It collects the dead letters of both, beside its ledger."""
STAGED: Final = "staging"
LETTERS: Final = "outboard_dead_letters"


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
    """What is asked for with `threads` works with an engine that is not asynchronous."""

    def __init__(self) -> None:
        self.engines = {name: _durable(name) for name in (STAGED, *APPLIERS)}
        self._outboxes = {threads: self._outbox(threads=threads) for threads in (False, True)}
        self._inboxes: dict[tuple[str, bool], Inbox] = {}
        self.ledgers: dict[str, Table] = {}
        self._letters = letters_table(MetaData(), LETTERS)
        self.tables = {STAGED: _made(self.outbox(threads=False).metadata)}
        for name in APPLIERS:
            self._add_applier(name)
        self.tables[COLLECTOR] += _made(self._letters.metadata)

    def engine(self, name: str, *, threads: bool) -> AnyEngine:
        """That of the database of this name."""
        engine = self.engines[name]
        return engine.sync_engine if threads else engine

    def outbox(self, *, threads: bool) -> Outbox:
        return self._outboxes[threads]

    def inbox(self, name: str, *, threads: bool) -> Inbox:
        """As a new process has it, which does not know when old rows were deleted."""
        inbox = self._inboxes[name, threads]
        made = copy.copy(inbox)
        made._dependency = copy.copy(inbox._dependency)
        return made

    def letters(self, board: Outboard, *, threads: bool) -> DeadLetters:
        """`board` collects dead letters: in the table of all runs, whose statements are compiled once."""
        with patch.object(letters_module, "letters_table", lambda *_: self._letters):
            return board.dead_letters(self.engine(COLLECTOR, threads=threads))

    def _outbox(self, *, threads: bool) -> Outbox:
        with patch(f"{Outbox.__module__}.Wakeups", _OwnWakeups):
            return Outbox(self.engine(STAGED, threads=threads))

    def _add_applier(self, name: str) -> None:
        metadata = MetaData()
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
        for threads in (False, True):
            of = MetaData() if threads else metadata
            engine = self.engine(name, threads=threads)
            self._inboxes[name, threads] = board.inbox(engine, metadata=of, max_attempts=attempts)
        self.tables[name] = _made(metadata)


def _durable(name: str) -> AsyncEngine:
    engine = engine_named(name)
    Outbox.make_durable(engine.sync_engine)
    return engine


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
