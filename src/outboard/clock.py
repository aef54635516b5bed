"""Time as a port, so that decisions about delays can be tested without waiting for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "seconds_by"]


class Clock(Protocol):
    """What the rest of Outboard may know of time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at zero or less, after one turn of the loop."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))


def seconds_by(clock: Clock) -> Callable[[], float]:
    """The wall clock of `clock` in seconds since 1970; the machine's costs a tenth of its `now`."""
    return time.time if type(clock) is SystemClock else lambda: clock.now().timestamp()
