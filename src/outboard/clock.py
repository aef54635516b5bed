"""Time as a port, so that decisions about delays can be tested without waiting for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "monotonic_by", "seconds_by"]


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
    """The machine's clock, unless another one stands in for it, as in a test."""

    stand_in: Clock | None = None

    def now(self) -> datetime:
        return datetime.now(UTC) if self.stand_in is None else self.stand_in.now()

    def monotonic(self) -> float:
        return time.monotonic() if self.stand_in is None else self.stand_in.monotonic()

    async def sleep(self, seconds: float) -> None:
        if self.stand_in is None:
            await asyncio.sleep(max(seconds, 0))
        else:
            await self.stand_in.sleep(seconds)

    @contextmanager
    def replaced_by(self, clock: Clock) -> Iterator[None]:
        """`clock` stands in for this one while the block runs; whoever sleeps already sleeps on."""
        before, self.stand_in = self.stand_in, clock
        try:
            yield
        finally:
            self.stand_in = before


def seconds_by(clock: Clock) -> Callable[[], float]:
    """The wall clock of `clock` in seconds since 1970; the machine's costs a tenth of its `now`."""
    return time.time if type(clock) is SystemClock else lambda: clock.now().timestamp()


def monotonic_by(clock: Clock) -> Callable[[], float]:
    """The `monotonic` of `clock`; the machine's without a call between."""
    return time.monotonic if type(clock) is SystemClock else clock.monotonic
