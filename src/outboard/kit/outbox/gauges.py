"""How much an outbox holds, for whoever measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from outboard.clock import Clock
from outboard.kit.outbox.port import ExpiredEvent, OutboxStore
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
        instruments.outbox_holds(depth.waiting, depth.parked, depth.delayed, depth.oldest_age)

    def expired(self, events: Sequence[ExpiredEvent]) -> None:
        """Count what was not sent by its time."""
        if (instruments := self._telemetry.instruments) is not None:
            for (pubsub, topic), count in Counter((each.pubsub, each.topic) for each in events).items():
                instruments.outbox_expired_of(pubsub, topic, count)
