"""How long a test waits for what should happen: longer where a person looks at it in a debugger.

Source: Python, "sys.monitoring" (the tool ids) and `sys.gettrace`; the modules of debugpy and pydevd.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from outboard.kit.arguments import check_seconds

__all__ = ["is_debugged", "patiently", "stretched"]

DEBUGGED_SECONDS: Final = 3600.0
"""What a timeout is under a debugger."""
SLICE: Final = 0.25
"""Seconds after which it is looked whether the loop stood still meanwhile, as at a breakpoint of pdb."""
COVERAGE: Final = "coverage"


def is_debugged() -> bool:
    """Whether a debugger follows this process: debugpy or pydevd with a client, pdb, or any that traces.

    Coverage traces, too, and is none.
    """
    debugpy = sys.modules.get("debugpy")
    if debugpy is not None and getattr(debugpy, "is_client_connected", bool)():
        return True
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None:
        return True
    trace = sys.gettrace()
    return trace is not None and not _module_of(trace).startswith(COVERAGE)


def _module_of(trace: object) -> str:
    """Where a function, method or object for tracing comes from."""
    return str(getattr(trace, "__module__", None) or type(trace).__module__)


def stretched(seconds: float) -> float:
    """`seconds`, or an hour under a debugger."""
    return max(seconds, DEBUGGED_SECONDS) if is_debugged() else seconds


@asynccontextmanager
async def patiently(
    seconds: float, is_debugged: Callable[[], bool] = is_debugged
) -> AsyncIterator[asyncio.Timeout]:
    """As `asyncio.timeout`, but time at a breakpoint does not count. Raises TimeoutError,
    and TypeError for `seconds` that are no number, 0 or more.

    That is all time under a debugger up to an hour, and all in which the event loop stood still.
    """
    loop = asyncio.get_running_loop()
    check_seconds("timeout", seconds)
    async with asyncio.timeout(None) as bound:
        watch = _Watch(loop, bound, seconds, is_debugged)
        try:
            yield bound
        finally:
            watch.timer.cancel()


class _Watch:
    """Ends `bound` when the time is up, which is not so while somebody looks."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bound: asyncio.Timeout,
        seconds: float,
        is_debugged: Callable[[], bool],
    ) -> None:
        self._loop, self._bound, self._seconds, self._is_debugged = loop, bound, seconds, is_debugged
        self._begun = self._looked = loop.time()
        self._stood_still = 0.0
        self.timer = loop.call_later(min(seconds, SLICE), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._stood_still += max(now - self._looked - 2 * SLICE, 0.0)
        self._looked = now
        limit = max(self._seconds, DEBUGGED_SECONDS) if self._is_debugged() else self._seconds
        left = self._begun + limit + self._stood_still - now
        if left <= 0:
            self._bound.reschedule(now)
        else:
            self.timer = self._loop.call_later(min(left, SLICE), self._look)
