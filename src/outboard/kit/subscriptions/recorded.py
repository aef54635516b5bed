"""Handling that is recorded: each event with its answer, its attempt and its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.hops.journal import Journal
from outboard.hops.record import HopKind, Recorder
from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import SUCCEEDED, Settled
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.events import Event

__all__ = ["RecordedHandling"]

SUCCESS: Final = DeliveryStatus.SUCCESS


@dataclass(frozen=True, slots=True)
class RecordedHandling:
    """A `Handling` that lets another one do it. What is delivered in bulk takes as long as all of it."""

    handling: Handling
    settler: Settler
    journal: Journal

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """As `Handling`."""
        journal = self.journal
        attempt, started = self.settler.attempt(received), journal.monotonic()
        settled = await self.handling.one(received, runner)
        recorder = journal.recorder
        if recorder is not None and self._keeps(recorder, received, settled, attempt):
            self._record(received, settled, attempt, journal.monotonic() - started)
        return settled

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """As `Handling`."""
        monotonic = self.journal.monotonic
        attempts, started = self.settler.attempts(received_events), monotonic()
        settled = await self.handling.many(received_events, runner)
        if self.journal.recorder is not None:
            self.journal.afterwards(
                self._record_many, received_events, settled, attempts, monotonic() - started
            )
        return settled

    def _record_many(
        self,
        received_events: Sequence[ReceivedEvent],
        settled: Sequence[Settled],
        attempts: Sequence[int],
        took: float,
    ) -> None:
        """All that did not go well, and those of the others that are kept."""
        recorder = self.journal.recorder
        if recorder is not None:
            for position in self._chosen(recorder, received_events, settled, attempts):
                self._record(received_events[position], settled[position], attempts[position], took)

    def _keeps(self, recorder: Recorder, received: ReceivedEvent, settled: Settled, attempt: int) -> bool:
        """What did not go well is kept in any case."""
        reading, to = received.reading, self.settler.declaration
        if settled is not SUCCEEDED or not isinstance(reading, Event):
            return True
        return recorder.keeps(HopKind.HANDLED, to.pubsub, to.topic, reading.id, attempt, SUCCESS)

    def _chosen(
        self,
        recorder: Recorder,
        events: Sequence[ReceivedEvent],
        settled: Sequence[Settled],
        attempts: Sequence[int],
    ) -> Sequence[int]:
        """The positions of all that did not go well, and of those of the others that are kept."""
        names = [
            reading.id if each is SUCCEEDED and isinstance(reading := received.reading, Event) else ""
            for received, each in zip(events, settled, strict=True)
        ]
        to = self.settler.declaration
        latest = max(attempts, default=1)
        return recorder.chosen(HopKind.HANDLED, to.pubsub, to.topic, names, latest, SUCCESS)

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
        reason = settled.reason
        return self.settler.masking((received,)).masked(reason) if reason else ""
