"""A program with everything it starts, as one scope: at its end no process of it is left.

It runs in a session (Windows: a process group) of its own, so that Ctrl-C in the terminal reaches only
`outboard`, which then stops the whole group.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import psutil

from outboard.clock import Clock
from outboard.run.processes.group import CREATION_FLAGS, ProcessGroup
from outboard.run.processes.line_splitter import LineSplitter
from outboard.run.processes.orphans import ended_with_this_process

__all__ = ["Launch", "Process", "running"]

GRACE: Final = 5.0
"""Seconds between the request to stop and the end by force."""
POLL: Final = 0.02
LAST_WORDS: Final = 1.0
"""Seconds for output that is still in the pipe at the end: a stranger who inherited it may keep it open."""


@dataclass(frozen=True, slots=True)
class Launch:
    """`command[0]` is a path. The environment may hold secrets and stays out of the repr."""

    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(repr=False)


class Process(asyncio.SubprocessProtocol):
    """A running program: its end, and its output a line at a time."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.pid = 0
        self._on_line = on_line
        self._splitter = LineSplitter()
        self._failure: Exception | None = None
        self._code: int | None = None
        self._ended = asyncio.Event()
        self._silent = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        return self._code is not None

    async def wait(self) -> int:
        """Its exit code, once it has ended; the negative signal number where a signal ended it (POSIX).

        Raises what `on_line` raised: a program whose output has no taker is not left running.
        """
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure
        return self._code or 0

    async def until_silent(self) -> None:
        """Return once all its output has come."""
        await self._silent.wait()

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._take(self._splitter.feed(data))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._take(self._splitter.end())
        self._silent.set()

    def process_exited(self) -> None:
        self._code = self._transport.get_returncode()
        self._ended.set()

    def _take(self, lines: list[str]) -> None:
        if self._failure is not None:
            return
        try:
            for line in lines:
                self._on_line(line)
        except Exception as error:  # not asyncio's business: it is raised where somebody waits
            self._failure = error
            self._ended.set()


@asynccontextmanager
async def running(
    launch: Launch,
    on_line: Callable[[str], None],
    hurry: asyncio.Event,
    clock: Clock,
    grace: float = GRACE,
) -> AsyncIterator[Process]:
    """Run a program while the block runs, then stop it and all its descendants.

    `on_line` gets each line of its output (standard output and error in the order written). At the end the
    group is asked to stop (SIGTERM, on Windows Ctrl-Break) and after `grace` seconds, or as soon as `hurry`
    is set, killed. Raises OSError where it cannot be started.
    """
    transport, process = await _start(launch, on_line)
    try:
        group = ProcessGroup(process.pid)
        with ended_with_this_process(process.pid), closing(group):
            try:
                yield process
            finally:
                await _stop(process, group, hurry, clock, grace)
    finally:
        transport.close()


async def _start(
    launch: Launch, on_line: Callable[[str], None]
) -> tuple[asyncio.SubprocessTransport, Process]:
    return await asyncio.get_running_loop().subprocess_exec(
        lambda: Process(on_line),
        *launch.command,
        cwd=launch.directory,
        env=dict(launch.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=sys.platform != "win32",
        creationflags=CREATION_FLAGS,
    )


async def _stop(
    process: Process, group: ProcessGroup, hurry: asyncio.Event, clock: Clock, grace: float
) -> None:
    members = group.members()
    deadline = clock.monotonic() + grace
    try:
        group.ask_to_stop(members)
        while group.is_alive(members) and not hurry.is_set() and clock.monotonic() < deadline:
            await clock.sleep(POLL)
    finally:  # also when a second cancellation breaks into the wait
        group.kill(members)
        await _finish(process, group, members, clock)


async def _finish(
    process: Process, group: ProcessGroup, members: Sequence[psutil.Process], clock: Clock
) -> None:
    while not process.has_ended or group.is_alive(members):  # a signal takes its time
        await clock.sleep(POLL)
    try:
        async with asyncio.timeout(LAST_WORDS):
            await process.until_silent()
    except TimeoutError:
        return
