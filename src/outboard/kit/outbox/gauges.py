"""How much an outbox holds, for whoever measures."""

from __future__ import annotations

from typing import Final

from outboard.clock import Clock
from outboard.kit.outbox.port import OutboxStore
from outboard.kit.telemetry.messaging import Messaging

__all__ = ["OutboxGauges"]

SECONDS: Final = 5.0
"""Between two questions to the database."""


class OutboxGauges:
    """Asks `store` how much there is and tells it, where `telemetry` has somebody to tell."""

    def __init__(self, store: OutboxStore, telemetry: Messaging, clock: Clock) -> None:
        self._store = store
        self._telemetry = telemetry
        self._clock = clock
        self._due_at = 0.0

    async def tell(self) -> None:
        """Do so if it is time for it. Raises OutboxUnavailable."""
        instruments, now = self._telemetry.instruments, self._clock.monotonic()
        if instruments is None or now < self._due_at:
            return
        self._due_at = now + SECONDS
        depth = await self._store.depth()
        instruments.outbox_holds(depth.waiting, depth.parked, depth.oldest_age)
