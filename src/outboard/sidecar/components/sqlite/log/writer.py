"""The thread that writes: what comes while one transaction is written is written by the next, together.

A transaction with events in it is on the disk (fsync) before anybody is told. One without, such as a
heartbeat or a commit of offsets, outlives the process but costs no fsync: after a power failure an event is
delivered once more, which it may be at any time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeGuard, TypeVar

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.sqlite.log import coordinator, events, positions
from outboard.sidecar.components.sqlite.log.events import Row
from outboard.sidecar.components.sqlite.log.file import immediately, translated
from outboard.sidecar.components.sqlite.log.position import Position
from outboard.sidecar.components.sqlite.log.positions import Claim

__all__ = ["LogWriter"]

T = TypeVar("T")
Outcome = tuple["_Job[object]", object, ComponentError | None]
Written = tuple[list[Outcome], list[Claim], list[int]]
"""What became of each job, the claims refused, and the ports to call."""
ROWS_AT_ONCE: Final = 4_096


@dataclass(eq=False, slots=True)
class _Job(Generic[T]):
    """Rows to append, which gives the offset of the first, or work to do; `done` belongs to the loop."""

    done: asyncio.Future[T]
    rows: Sequence[Row] = ()
    work: Callable[[sqlite3.Connection], T] | None = None


@dataclass(slots=True)
class _Offsets:
    """Offsets that go along with the next transaction; put by the loop, taken by the thread."""

    _waiting: dict[Claim, Position] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, offsets: Mapping[Claim, Position]) -> None:
        with self._lock:
            self._waiting.update(offsets)

    def take(self) -> dict[Claim, Position]:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            return waiting

    def put_back(self, offsets: dict[Claim, Position]) -> None:
        with self._lock:
            self._waiting = {**offsets, **self._waiting}


class LogWriter:
    """`connect` is called in the thread, and before and after each transaction `check`, which raises
    ComponentError where nothing may be written. There `published` is told the ports of all members, if there
    are any, after each transaction with events; in the loop `refused` is told the claims whose offset was not
    taken, as others hold them now.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        check: Callable[[], None],
        busy_timeout: float,
        published: Callable[[Sequence[int]], None],
        refused: Callable[[Sequence[Claim]], None],
    ) -> None:
        self._connect = connect
        self._check = check
        self._busy_timeout = busy_timeout
        self._published = published
        self._refused = refused
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._offsets = _Offsets()
        self._closed = False
        self._durable = True
        self._thread = threading.Thread(target=self._run, name="pubsub-sqlite-writer", daemon=True)

    # In the loop

    async def open(self) -> None:
        """Raises ComponentError where the file cannot be written."""
        self._thread.start()
        await self.do(lambda connection: None)

    async def append(self, rows: Sequence[Row]) -> int:
        """The offset of the first of `rows`, once all of them are on the disk, one after the other.

        Raises ComponentError: then none of them is in the log.
        """
        return await self._enqueue(_Job[int](self._loop.create_future(), rows=rows))

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, done in a transaction. Raises ComponentError."""
        return await self._enqueue(_Job(self._loop.create_future(), work=work))

    def commit(self, offsets: Mapping[Claim, Position]) -> None:
        """Have `offsets` committed with the next transaction, whatever it is for."""
        self._offsets.put(offsets)

    def flush(self) -> None:
        """Commit what waits, without anything else; what cannot be committed now waits for the next."""
        if not self._closed:
            done = self._loop.create_future()
            done.add_done_callback(lambda future: future.cancelled() or future.exception())
            self._jobs.put(_Job[object](done))

    async def close(self) -> None:
        """Return when all that was asked for is written and the file is closed."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _enqueue(self, job: _Job[T]) -> T:
        if self._closed:
            raise ComponentError("the log is closed")
        self._jobs.put(job)  # type: ignore[arg-type]
        return await job.done

    # In the thread

    def _run(self) -> None:
        try:
            connection = self._connect()
        except ComponentError as error:
            while (job := self._jobs.get()) is not None:
                self._tell([(job, None, error)])
            return
        try:
            connection.execute("PRAGMA busy_timeout = 0")  # `immediately` waits, in shorter pauses
            while (job := self._jobs.get()) is not None:
                batch, ended = self._together(job)
                self._write(connection, batch)
                if ended:
                    break
        finally:
            connection.close()

    def _together(self, first: _Job[object]) -> tuple[list[_Job[object]], bool]:
        """`first` and what came after it; whether the end came too."""
        batch, rows = [first], len(first.rows)
        while rows < ROWS_AT_ONCE:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            rows += len(job.rows)
        return batch, False

    def _write(self, connection: sqlite3.Connection, batch: Sequence[_Job[object]]) -> None:
        try:
            outcomes, refused, ports = self._transact(connection, batch)
        except Exception as error:
            if len(batch) == 1:
                failure = error if isinstance(error, ComponentError) else _bug(error)
                self._tell([(batch[0], None, failure)])
            elif _is_locked(error):
                self._tell([(job, None, error) for job in batch])
            else:  # only the one that is to blame shall fail
                for job in batch:
                    self._write(connection, [job])
            return
        if ports:
            self._published(ports)
        self._tell(outcomes)
        if refused:
            self._call(self._refused, refused)

    def _transact(self, connection: sqlite3.Connection, batch: Sequence[_Job[object]]) -> Written:
        rows = [row for job in batch for row in job.rows]
        offsets = self._offsets.take()
        if not (rows or offsets or any(job.work for job in batch)):  # what was to be flushed is written
            return [(job, None, None) for job in batch], [], []
        try:
            self._check()
            with translated("cannot write"):
                self._make_durable(connection, bool(rows))
                with immediately(connection, self._busy_timeout):
                    first = events.append(connection, rows)
                    refused = positions.commit(connection, offsets)
                    outcomes: list[Outcome] = []
                    for job in batch:
                        outcomes.append((job, job.work(connection) if job.work else first, None))
                        first += len(job.rows)
                    ports = coordinator.ports(connection) if rows else []
            self._check()  # again, before anybody is told: it may have gone away meanwhile
        except BaseException:
            self._offsets.put_back(offsets)
            raise
        return outcomes, refused, ports

    def _make_durable(self, connection: sqlite3.Connection, durable: bool) -> None:
        if durable is not self._durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        self._call(_settle, outcomes)

    def _call(self, function: Callable[[Sequence[T]], None], values: Sequence[T]) -> None:
        with suppress(RuntimeError):  # a loop that is closed has nobody left who waits
            self._loop.call_soon_threadsafe(function, values)


def _is_locked(error: Exception) -> TypeGuard[ComponentError]:
    """Whether the lock was not to be had: no part of the batch would get it either."""
    cause = error.__cause__
    return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF == sqlite3.SQLITE_BUSY


def _bug(error: Exception) -> ComponentError:
    failure = ComponentError(f"cannot write: {error!r}")
    failure.__cause__ = error
    return failure


def _settle(outcomes: Sequence[Outcome]) -> None:
    for job, result, error in outcomes:
        if job.done.done():  # whoever asked has been cancelled
            continue
        if error is None:
            job.done.set_result(result)
        else:
            job.done.set_exception(error)
