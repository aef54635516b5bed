"""Handling that is recorded: each event with its answer, its attempt and its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outboard.hops.journal import Journal
from outboard.hops.record import HopKind
from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import SUCCEEDED, Settled
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.events import Event
from outboard.wire.sensitive import Masking

__all__ = ["RecordedHandling"]


@dataclass(frozen=True, slots=True)
class RecordedHandling:
    """A `Handling` that lets another one do it. What is delivered in bulk takes as long as all of it."""

    handling: Handling
    settler: Settler
    journal: Journal

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """As `Handling`."""
        monotonic = self.journal.clock.monotonic
        attempt, started = self.settler.attempt(received), monotonic()
        settled = await self.handling.one(received, runner)
        self._record_all([received], [settled], [attempt], monotonic() - started)
        return settled

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """As `Handling`."""
        monotonic = self.journal.clock.monotonic
        attempts = self.settler.attempts(received_events)
        started = monotonic()
        settled = await self.handling.many(received_events, runner)
        self._record_all(received_events, settled, attempts, monotonic() - started)
        return settled

    def _record_all(
        self,
        events: Sequence[ReceivedEvent],
        settled: Sequence[Settled],
        attempts: Sequence[int],
        took: float,
    ) -> None:
        """All that did not go well, and of the others those that are chosen."""
        names = [
            reading.id if each is SUCCEEDED and isinstance(reading := received.reading, Event) else ""
            for received, each in zip(events, settled, strict=True)
        ]
        declaration, status = self.settler.declaration, DeliveryStatus.SUCCESS
        where = declaration.pubsub, declaration.topic
        chosen = self.journal.chosen(HopKind.HANDLED, *where, names, max(attempts, default=1), status)
        if chosen:
            all_of_them = len(chosen) == len(names)
            for name, received, each, attempt in zip(names, events, settled, attempts, strict=True):
                if all_of_them or name in chosen:
                    self._record(received, each, attempt, took)

    def _record(self, received: ReceivedEvent, settled: Settled, attempt: int, took: float) -> None:
        declaration = self.settler.declaration
        partition, offset = received.position()
        self.journal(
            HopKind.HANDLED, declaration.pubsub, declaration.topic, received.event_identity(),
            attempt=attempt, outcome=settled.status, detail=self._reason(received, settled), duration=took,
            partition=partition, offset=offset,
        )  # fmt: skip

    def _reason(self, received: ReceivedEvent, settled: Settled) -> str:
        """Without what the model of the event calls sensitive: an exception may have told it."""
        if settled.status is DeliveryStatus.SUCCESS or not isinstance(received.reading, Event):
            return settled.reason
        masking = Masking()
        self.settler.declaration.codec.masked(received.reading.data, masking)
        return masking.masked(settled.reason)
