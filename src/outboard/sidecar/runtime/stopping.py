"""The end of a sidecar: what it was asked for, the block period, the grace period, the exit code.

Source: Dapr, "Dapr arguments and annotations" (`--dapr-block-shutdown-duration`,
`--dapr-graceful-shutdown-seconds`); daprd 1.18 for the log lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from outboard.clock import Clock
from outboard.resources import duration
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.runtime.options import Options

__all__ = ["Stopping", "drained", "first_of", "never", "raise_what_ended"]

FORCE_AFTER: Final = 0.1
FAILED: Final = 1


class Stopping:
    """How one sidecar ends: `asked`, it tells of it, blocks, and is then waited for as long as its grace.

    Of a block period the subscriptions are stopped first. Without one the API closes at once, as in daprd:
    what is handled yet can use it only in a block period.
    """

    def __init__(self, options: Options, clock: Clock, log: SidecarLog) -> None:
        self.asked = asyncio.Event()
        self._at_once = asyncio.Event()
        self._forced = asyncio.Event()
        self._begun = asyncio.Event()
        self._period = options.block_shutdown
        self._grace = options.graceful_shutdown
        self._clock = clock
        self._log = log

    def ask(self, *, at_once: bool = False, force: bool = False) -> None:
        """To stop; `at_once` without (the rest of) the block period, with `force` without any grace."""
        if at_once or force:
            self._at_once.set()
        if force:
            self._forced.set()
        self.asked.set()

    @property
    def blocks(self) -> bool:
        """Whether there is a block period (yet) before the end."""
        return self._period is not None and not self._at_once.is_set()

    def announce(self, close_api: Callable[[], None]) -> None:
        """Say what comes now; without a block period that is the end itself."""
        if self._period is not None and self.blocks:
            text = "Blocking graceful shutdown for %s or until app reports unhealthy..."
            self._log.info(text, duration.format(self._period))
        else:
            self._begin()
            close_api()

    async def block(self, app_unwell: Callable[[], Awaitable[None]]) -> None:
        """Return when the block period is over, for an app that still publishes after its last event."""
        if self._begun.is_set():
            return
        unwell = asyncio.ensure_future(app_unwell())
        over = asyncio.ensure_future(self._clock.sleep(self._period or 0.0))
        try:
            await first_of(unwell, over, self._at_once)
        finally:
            unwell.cancel()
            over.cancel()
        if unwell.done():
            self._log.info("App reported unhealthy, entering shutdown...")
        elif over.done():
            self._log.info("Block shutdown period expired, entering shutdown...")
        self._begin()

    async def end_of(self, life: asyncio.Task[None]) -> int:
        """Wait for `life` to end by itself, once stopping began as long as its grace: the exit code.

        Raises what `life` raises.
        """
        await first_of(life, self._begun, self._forced)
        await first_of(life, self._forced, timeout=self._grace)
        if self._forced.is_set():
            self._log.info("Force shutdown requested, exiting immediately without graceful shutdown")
            await asyncio.wait((life,), timeout=FORCE_AFTER)
            return FAILED
        if not life.done():
            self._log.critical("Graceful shutdown timeout exceeded, forcing shutdown")
            return FAILED
        life.result()
        return 0

    def _begin(self) -> None:
        self._log.info("Dapr is shutting down")
        self._begun.set()


async def first_of(*awaited: asyncio.Future[None] | asyncio.Event, timeout: float | None = None) -> None:
    """Return when one of `awaited` is done, or set, or after `timeout` seconds; they go on."""
    waiting = [asyncio.create_task(each.wait()) for each in awaited if isinstance(each, asyncio.Event)]
    every: list[asyncio.Future[Any]] = [*waiting]
    every += [each for each in awaited if isinstance(each, asyncio.Future)]
    try:
        await asyncio.wait(every, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def drained(task: asyncio.Task[None]) -> None:
    """Cancel `task` and wait for it; where there is no time for that, what it waits for is cut short."""
    task.cancel()
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    if not task.cancelled():
        task.result()


def raise_what_ended(attending: asyncio.Task[None]) -> None:
    """Raise what a task that is done has raised."""
    if attending.done():
        attending.result()


async def never() -> None:
    """Wait to be cancelled."""
    await asyncio.Event().wait()
