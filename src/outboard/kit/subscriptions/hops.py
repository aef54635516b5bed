"""What is recorded of the handling of events: each with its answer, its attempt and its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.hops.journal import Journal
from outboard.hops.record import HopKind, Recorder
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import SUCCEEDED, Poison, Redeliver, Settled
from outboard.wire.dapr import DeliveryStatus

__all__ = ["Begun", "HandlingHops"]

SUCCESS: Final = DeliveryStatus.SUCCESS
UNREAD: Final = (Poison, Redeliver)


Begun: TypeAlias = tuple[Sequence[int], float]
"""Handling under way: the attempt of each event, and since when, in seconds of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class HandlingHops:
    """Records what became of what was handled. What is delivered in bulk takes as long as all of it.

    It is no `Handling` around another one, which would be a coroutine more for each event.
    """

    settler: Settler
    journal: Journal

    def begun(self, received_events: Sequence[ReceivedEvent]) -> Begun:
        """To be told with what becomes of the events, which are given to their handler now."""
        return self.settler.attempts(received_events), self.journal.monotonic()

    def one(self, received: ReceivedEvent, settled: Settled, begun: Begun) -> None:
        """Record what became of an event that was delivered alone: in any case what did not go well."""
        recorder, ((attempt,), since), to = self.journal.recorder, begun, self.settler.declaration
        if recorder is None:
            return
        name = _name(received) if settled is SUCCEEDED else ""
        if name and not recorder.keeps(HopKind.HANDLED, to.pubsub, to.topic, name, attempt, SUCCESS):
            return
        self._record(received, settled, attempt, self.journal.monotonic() - since)

    def many(
        self, received_events: Sequence[ReceivedEvent], settled: Sequence[Settled], begun: Begun
    ) -> None:
        """Record what became of a bulk delivery; where there are very many events, once it is answered."""
        attempts, since = begun
        took = self.journal.monotonic() - since
        self.journal.afterwards(self._record_many, received_events, settled, attempts, took)

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

    def _chosen(
        self,
        recorder: Recorder,
        events: Sequence[ReceivedEvent],
        settled: Sequence[Settled],
        attempts: Sequence[int],
    ) -> Sequence[int]:
        """The positions of all that did not go well, and of those of the others that are kept."""
        names = [
            _name(received) if each is SUCCEEDED else ""
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


def _name(received: ReceivedEvent) -> str:
    """The id of an event that could be read; empty of any other."""
    reading = received.reading
    # Whether it is an `Event` takes longer to say: the class of a model is asked.
    return "" if isinstance(reading, UNREAD) else reading.id
