"""Waiting, when a sidecar ends, for what is being handled."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from outboard.clock import Clock
from outboard.sidecar.components.port import NotAcknowledged

__all__ = ["DRAIN_LIMIT", "Drain"]

DRAIN_LIMIT: Final = 30.0
"""Seconds that what is being handled is given at the end."""
ENDS: Final = "the sidecar ends before the next attempt"


class Drain:
    """Counts what is being handled, so that stopping can wait for it.

    Once closed, a message that comes or fails is held, unsettled, until its consumer is cancelled: an error
    would make the broker dead-letter or lose it, where it should be delivered again later.
    """

    def __init__(self) -> None:
        self.closed = False
        self.abandoned = False
        self._over: float | None = None
        self._closed_at = 0.0
        self._closing = asyncio.Event()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> None:
        if self.closed:
            await _until_cancelled()
        self._in_flight += 1
        self._idle.clear()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()
        if kind is not None and issubclass(kind, NotAcknowledged):
            await self.hold_if_closed()

    def abandon(self) -> None:
        """Take nothing new, and let `finish` wait for nothing: whoever handles it is gone."""
        self.closed = self.abandoned = True
        self._idle.set()

    def close(self, clock: Clock, limit: float) -> None:
        """Take nothing new. What fails is tried again, as in daprd, but not later than `limit` seconds on."""
        self.closed, self._closed_at = True, clock.monotonic()
        self._over = self._closed_at + limit
        self._closing.set()

    async def until_idle(self) -> None:
        """Return once nothing is being handled."""
        await self._idle.wait()

    async def finish(self, clock: Clock, limit: float) -> None:
        """Close, and return once nothing is being handled."""
        self.close(clock, limit)
        await self.until_idle()

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Wait for the next attempt. Raises NotAcknowledged where it would come when `finish` is over."""
        if self._over is not None and clock.monotonic() + seconds > self._over:
            raise NotAcknowledged(ENDS)
        await clock.sleep(seconds)

    async def pause_within(self, clock: Clock, seconds: float, limit: float) -> None:
        """As `pause`, where `finish` gives only `limit` seconds, and may begin in the meantime."""
        due = clock.monotonic() + seconds
        if self.closed and due > self._closed_at + limit:
            raise NotAcknowledged(ENDS)
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((sleeping, closing), return_when=asyncio.FIRST_COMPLETED)
            if not sleeping.done() and due > self._closed_at + limit:
                raise NotAcknowledged(ENDS)
            await sleeping
        finally:
            sleeping.cancel()
            closing.cancel()

    async def hold_if_closed(self) -> None:
        """To be awaited with what was not settled: once closed, until the consumer is cancelled."""
        if self.closed:
            await _until_cancelled()


async def _until_cancelled() -> None:
    await asyncio.Event().wait()
