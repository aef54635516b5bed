"""Handling that is measured: how each delivery of an event ended, and how many it took in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import Settled
from outboard.kit.telemetry.instruments import Instruments
from outboard.wire.dapr import DeliveryStatus

__all__ = ["MeasuredHandling"]


@dataclass(frozen=True, slots=True)
class MeasuredHandling:
    """A `Handling` that lets another one do it."""

    handling: Handling
    settler: Settler
    instruments: Instruments

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """As `Handling`."""
        attempt = self.settler.attempt(received)
        settled = await self.handling.one(received, runner)
        self._measure(settled, attempt)
        return settled

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """As `Handling`."""
        attempts = [self.settler.attempt(received) for received in received_events]
        settled = await self.handling.many(received_events, runner)
        for each, attempt in zip(settled, attempts, strict=True):
            self._measure(each, attempt)
        return settled

    def _measure(self, settled: Settled, attempt: int) -> None:
        declaration = self.settler.declaration
        attempts = 0 if settled.status is DeliveryStatus.RETRY else attempt
        handler = declaration.place.partition(" (")[0]  # without the line, which changes with the code
        self.instruments.settled(declaration.pubsub, declaration.topic, handler, settled.ending, attempts)
