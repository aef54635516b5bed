"""The thread that reads. In write-ahead logging a reader neither waits for a writer nor keeps one waiting."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from outboard.sidecar.components.sqlite.log import events
from outboard.sidecar.components.sqlite.log.events import LogTopic, ReadResult, Wanted
from outboard.sidecar.components.sqlite.log.file import translated

__all__ = ["LogReader", "reading"]

T = TypeVar("T")


class LogReader:
    """One connection, used by one thread, which does one read at a time."""

    def __init__(self, thread: ThreadPoolExecutor, connection: sqlite3.Connection) -> None:
        self._thread = thread
        self._connection = connection

    async def read(
        self, topic: LogTopic, seen: int, wanted: Mapping[int, Wanted], fresh: Iterable[int]
    ) -> ReadResult:
        """See `events.read`. Raises ComponentError."""
        return await _run(self._thread, lambda: self._read(topic, seen, wanted, fresh))

    async def newest(self) -> int:
        """See `events.newest`. Raises ComponentError."""
        return await _run(self._thread, self._newest)

    def _newest(self) -> int:
        with translated("cannot read"):
            return events.newest(self._connection)

    def _read(
        self, topic: LogTopic, seen: int, wanted: Mapping[int, Wanted], fresh: Iterable[int]
    ) -> ReadResult:
        with translated("cannot read"):
            return events.read(self._connection, topic, seen, wanted, fresh)


@asynccontextmanager
async def reading(connect: Callable[[], sqlite3.Connection]) -> AsyncIterator[LogReader]:
    """A reader while the block runs. Raises what `connect` raises, which is called in its thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="pubsub-sqlite-reader") as thread:
        connection = await _run(thread, connect)
        try:
            yield LogReader(thread, connection)
        finally:
            await _run(thread, connection.close)


async def _run(thread: ThreadPoolExecutor, job: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, job)
