"""The clock of a test: time that nobody waits for, or that a session lets pass.

Source: the autojump clock of trio, "Testing: time".
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from typing import ClassVar

from outboard.testing.clock import AutojumpClock

__all__ = ["CallClock", "VirtualClock"]


class VirtualClock(AutojumpClock):
    """An autojump clock that can be `stopped`: then time passes by `pass_to` alone, and who sleeps waits.

    `monotonic` never goes back in a process, whoever asked the machine's or another of these before.
    """

    _latest: ClassVar[float] = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._base = max(time.monotonic(), self._latest)
        self._stops = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def monotonic(self) -> float:
        return self._base + self._passed

    async def sleep(self, seconds: float) -> None:
        if not self._stops:
            await super().sleep(seconds)
            VirtualClock._latest = max(self._latest, self.monotonic())
        elif seconds <= 0:
            await asyncio.sleep(0)
        else:
            awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (self.monotonic() + seconds, next(self._numbers), awake))
            await awake

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """While the block runs, time stands still unless it is told to pass. At its end all sleepers wake."""
        self._stops += 1
        self.pass_to(max(time.monotonic(), self._latest))
        try:
            yield
        finally:
            self._stops -= 1
            if not self._stops:
                self._wake(float("inf"))

    @property
    def next_due(self) -> float | None:
        """When the first of those who sleep wakes, by `monotonic`; None where nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def pass_to(self, monotonic: float) -> None:
        """Let it be so late, or later; wake who sleeps until then, in the order of their times."""
        self._passed = max(self._passed, monotonic - self._base)
        self._now = self._at(self._passed)
        VirtualClock._latest = max(self._latest, self.monotonic())
        self._wake(self.monotonic())

    def _wake(self, until: float) -> None:
        while (due := self.next_due) is not None and due <= until:
            _, _, awake = heapq.heappop(self._sleepers)
            with suppress(RuntimeError):  # its loop is closed
                awake.get_loop().call_soon_threadsafe(_end, awake)


class CallClock:
    """The same clock for who waits in the midst of a call: the time passes by itself, and at once."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        self._clock.pass_to(self._clock.monotonic() + max(seconds, 0.0))
        await asyncio.sleep(0)


def _end(awake: asyncio.Future[None]) -> None:
    if not awake.done():
        awake.set_result(None)
