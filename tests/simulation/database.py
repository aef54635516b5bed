"""A database of several sessions, on one SQLite connection in memory, of which each statement is an await.

A transaction keeps what it has written to itself: each of its statements is run behind those before it, on
what is committed at that moment, and then undone; at its commit they are run for good. So it sees what others
have committed meanwhile, as at READ COMMITTED, and a killed process leaves nothing behind. What two
transactions may not do at once is kept by locks, until they end:

    kind         a transaction takes                             as
    serial       the whole database, where it writes             SQLite, with BEGIN IMMEDIATE
    concurrent   keys of the inbox, lanes of the outbox, names   PostgreSQL: a unique index, advisory
                 of dead letters, and the rows of a table that   locks of a transaction, row locks
                 it changes (as one)

A number of the outbox is drawn when its row is inserted, not at the commit, as from a sequence of PostgreSQL.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from simulation.loop import PROCESS, Process
from simulation.world import START, World

__all__ = ["CLOSED", "Database", "Transaction"]

CLOSED: Final = "Cannot operate on a closed database."
PATIENCE: Final = 5.0
INSERT: Final = re.compile(r"INSERT INTO (\w+) \(([^)]*)\)", re.IGNORECASE)
CHANGE: Final = re.compile(r"\s*(?:UPDATE|DELETE FROM) (\w+)", re.IGNORECASE)
COMMITTING: Final = (
    "commit failed", "commit unknown", "kill", "kill after commit", "stop", "stop after commit"
)  # fmt: skip
MOMENTS: Final = {
    "park": re.compile(r"UPDATE \w+_outbox SET .*parked_at=.*last_error="),
    "settle": re.compile(r"DELETE FROM \w+_outbox "),
    "claim": re.compile(r"UPDATE \w+_outbox_lease "),
    "stage": re.compile(r"INSERT INTO \w+_outbox \("),
    "apply": re.compile(r"INSERT INTO \w+_inbox "),
    "collect": re.compile(r"INSERT INTO \w+_dead_letters "),
    "replay": re.compile(r"UPDATE \w+_dead_letters SET "),
}
"""What a transaction is about, by a statement of it."""
JULIAN_UNIX: Final = 2440587.5
DAY: Final = 86_400.0

Statement = tuple[str, Sequence[Any]]
Lock = tuple[str, str | int]
Committed = Callable[[Sequence[Statement]], None]


_kept: Final[dict[tuple[str, ...], sqlite3.Connection]] = {}


def _emptied(name: str, tables: tuple[str, ...]) -> sqlite3.Connection:
    """A database with these tables and nothing in them. It is made once in a Python process: to do that, and
    to parse each statement, takes long.
    """
    kept = _kept.get((name, *tables))
    if kept is None:
        kept = _kept[name, *tables] = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=1_000
        )
        for statement in tables:
            kept.execute(statement)
        return kept
    if kept.in_transaction:
        kept.execute("ROLLBACK")
    for (table,) in kept.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        kept.execute(f"DELETE FROM {table}")
    return kept


class Transaction:
    """What one session has done since it began."""

    def __init__(self, database: Database, *, writes: bool) -> None:
        self.database = database
        self.process = PROCESS.get()
        self.writes = writes
        self.done: list[Statement] = []
        self.held: list[Lock] = []
        self.open = True

    def end(self) -> None:
        """Let go of all that it has locked."""
        if self.open:
            self.open = False
            self.database.transactions.remove(self)
            for lock in self.held:
                self.database.release(lock)


class Database:
    """`tables` is what makes them. `committed` is told of what each transaction has written, in order."""

    def __init__(self, world: World, name: str, tables: Sequence[str], *, serial: bool) -> None:
        self.world = world
        self.name = name
        self.serial = serial
        self.transactions: list[Transaction] = []
        self.committed: Committed = lambda _: None
        self.sqlite = _emptied(name, tuple(tables))
        self.sqlite.create_function("julianday", 1, self._julianday)
        self._locks: dict[Lock, deque[tuple[asyncio.Future[None], Transaction]]] = {}
        self._number = 0

    def killed(self, process: Process) -> None:
        """The sessions of `process` are noticed to be gone."""
        for transaction in [each for each in self.transactions if each.process is process]:
            transaction.end()

    async def begin(self, *, writes: bool) -> Transaction:
        """Raises sqlite3.OperationalError where others do not end."""
        await self._hop()
        transaction = Transaction(self, writes=writes)
        self.transactions.append(transaction)
        if self.serial and writes:
            try:
                await self._lock(transaction, ("rows", "of all tables"))
            except BaseException:
                transaction.end()
                raise
        return transaction

    async def execute(self, transaction: Transaction, statement: str, parameters: Sequence[Any]) -> Answer:
        """Raises sqlite3.Error."""
        (answer,) = await self._execute(transaction, statement, [parameters])
        return answer

    async def execute_many(
        self, transaction: Transaction, statement: str, rows: Sequence[Sequence[Any]]
    ) -> int:
        """How many rows were changed. Raises sqlite3.Error."""
        return sum(answer.rowcount for answer in await self._execute(transaction, statement, rows))

    async def _execute(
        self, transaction: Transaction, statement: str, rows: Sequence[Sequence[Any]]
    ) -> list[Answer]:
        await self._hop()
        self._alive(transaction)
        is_read = statement.lstrip()[:6].upper() == "SELECT"
        if not is_read and not self.serial:
            for lock in sorted({lock for row in rows for lock in _locks(statement, row)}):
                await self._lock(transaction, lock)
        self._alive(transaction)
        done = [self._numbered(statement, row) for row in rows]
        answers = self._answered(transaction, done, is_read=is_read)
        if not is_read:
            transaction.done += done
        await self._suffer(transaction, self.world.strikes("kill", "stop", "session ended"))
        return answers

    async def commit(self, transaction: Transaction) -> None:
        """Raises sqlite3.Error, and nobody knows then whether it is committed."""
        await self._hop()
        self._alive(transaction)
        kind = self.world.strikes(*COMMITTING, at=_moment(transaction.done)) if transaction.done else ""
        if kind == "commit failed":
            transaction.end()
            raise sqlite3.OperationalError("disk I/O error")
        if kind in ("kill", "stop"):
            await self._suffer(transaction, kind)
        self._alive(transaction)
        if transaction.done:
            try:
                self._run(transaction.done)
            except sqlite3.Error:  # what it has written does not fit to what others have committed since
                self.sqlite.execute("ROLLBACK")
                transaction.end()
                raise
            self.sqlite.execute("COMMIT")
            self.world.tell(f"{self.name}: commits {_told(transaction.done)}")
            self.committed(transaction.done)
        transaction.end()
        if kind == "commit unknown":
            raise sqlite3.ProgrammingError(CLOSED)
        await self.world.suffer(kind.removesuffix(" after commit"))
        await self._hop()

    async def rollback(self, transaction: Transaction) -> None:
        if transaction.open:
            if transaction.done:
                self.world.tell(f"{self.name}: rolls back {_told(transaction.done)}")
            transaction.end()

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """What is committed, for whoever simulates."""
        return self.sqlite.execute(query, parameters).fetchall()

    def change(self, statement: str, *parameters: Any) -> None:
        """A fault of a peer's: something is written that nobody expects."""
        self.sqlite.execute(statement, parameters)

    async def _hop(self) -> None:
        if self.world.random.random() < 0.4:
            await self.world.wait(0.0, 0.004)
        else:
            self.world.check()

    async def _suffer(self, transaction: Transaction, kind: str) -> None:
        if kind == "session ended":
            transaction.end()
            raise sqlite3.ProgrammingError(CLOSED)
        await self.world.suffer(kind)
        self._alive(transaction)

    def _alive(self, transaction: Transaction) -> None:
        self.world.check()
        if not transaction.open:
            raise sqlite3.ProgrammingError(CLOSED)

    def _answered(
        self, transaction: Transaction, statements: Sequence[Statement], *, is_read: bool
    ) -> list[Answer]:
        if is_read and not transaction.done:
            return [Answer(self.sqlite.execute(*each)) for each in statements]
        self._run(transaction.done)
        try:
            return [Answer(self.sqlite.execute(*each)) for each in statements]
        finally:
            self.sqlite.execute("ROLLBACK")

    def _run(self, statements: Sequence[Statement]) -> None:
        self.sqlite.execute("BEGIN")
        for statement, parameters in statements:
            self.sqlite.execute(statement, parameters)

    async def _lock(self, transaction: Transaction, lock: Lock) -> None:
        if lock in transaction.held:
            return
        waiting = self._locks.get(lock)
        if waiting is None:
            self._locks[lock] = deque()
            transaction.held.append(lock)
            return
        turn: asyncio.Future[None] = self.world.loop.create_future()
        waiting.append((turn, transaction))
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
        except BaseException as error:
            if (turn, transaction) in waiting:
                waiting.remove((turn, transaction))
            if isinstance(error, TimeoutError):
                transaction.end()
                raise sqlite3.OperationalError("database is locked") from None
            raise
        self._alive(transaction)

    def release(self, lock: Lock) -> None:
        waiting = self._locks[lock]
        while waiting:
            turn, transaction = waiting.popleft()
            if not turn.done() and transaction.open:
                transaction.held.append(lock)  # at once: it may die before it hears of it
                turn.set_result(None)
                return
        del self._locks[lock]

    def _numbered(self, statement: str, row: Sequence[Any]) -> Statement:
        found = INSERT.match(statement)
        if found is None or not found[1].endswith("_outbox"):
            return statement, row
        self._number += 1
        start, rest = statement[: found.start(2)], statement[found.start(2) :]
        return start + "sequence, " + rest.replace("VALUES (", "VALUES (?, ", 1), (self._number, *row)

    def _julianday(self, _: str) -> float:
        moment = START.timestamp() + self.world.now + self.world.database_offset
        return moment / DAY + JULIAN_UNIX


class Answer:
    """What a statement gave back, read to its end."""

    def __init__(self, cursor: sqlite3.Cursor | None) -> None:
        self.description = None if cursor is None else cursor.description
        self.rows: deque[Any] = deque(cursor.fetchall() if cursor and cursor.description else ())
        self.rowcount = -1 if cursor is None else cursor.rowcount
        self.lastrowid = None if cursor is None else cursor.lastrowid


def _locks(statement: str, parameters: Sequence[Any]) -> list[Lock]:
    """What the statement has to have for itself."""
    changed = CHANGE.match(statement)
    if changed is not None:
        return [("rows", changed[1])]
    found = INSERT.match(statement)
    if found is None:
        return []
    table, columns = found[1], [column.strip(' "') for column in found[2].split(",")]
    if table.endswith("_outbox"):
        named = parameters[columns.index("dedupe_key")] if "dedupe_key" in columns else None
        lane: list[Lock] = [("lane", parameters[columns.index("lane")])]
        return lane if named is None else [*lane, ("name", named)]
    if table.endswith("_dead_letters"):
        return [("letter", parameters[columns.index("letter")])]
    if table.endswith("_inbox"):
        width, at = len(columns), columns.index("event")
        rows = statement.count("(?, ") or 1
        return sorted(("event", parameters[row * width + at]) for row in range(rows))
    return [("rows", table)] if table.endswith(("_lease", "_relay")) else []


def _moment(statements: Sequence[Statement]) -> str:
    """Of AIMS; empty where it is none."""
    for moment, statement in MOMENTS.items():
        if any(statement.match(text) for text, _ in statements):
            return moment
    return ""


def _told(statements: Sequence[Statement]) -> str:
    """The statements without their values, some of which are not the same in another run."""
    return "; ".join(" ".join(statement.split()[:3]).rstrip("(") for statement, _ in statements)
