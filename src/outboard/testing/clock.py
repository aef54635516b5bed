"""Time that passes only where somebody waits for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["AutojumpClock"]

EAGER_SLEEPS: Final = 1_000
LATER_SLEEP: Final = 0.001


class AutojumpClock:
    """A clock whose `sleep` returns at once, and by which that time has then passed.

    What is tried again for ever would keep the processor busy; after `EAGER_SLEEPS` sleeps each of them takes
    a thousandth of a second.
    """

    def __init__(self) -> None:
        self._started = self._now = datetime.now(UTC)
        self._passed = 0.0
        self._sleeps = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self._passed += max(seconds, 0.0)
        self._now = self._at(self._passed)
        self._sleeps += 1
        await asyncio.sleep(0 if self._sleeps < EAGER_SLEEPS else LATER_SLEEP)

    def _at(self, passed: float) -> datetime:
        """The wall clock after so many seconds."""
        return self._started + timedelta(seconds=passed)
