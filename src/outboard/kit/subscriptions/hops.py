"""What is recorded of the handling of events: each with its answer, its attempt and its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from outboard.hops.journal import GatheredHops, Journal
from outboard.hops.record import HopKind
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import SUCCEEDED, Poison, Redeliver, Settled
from outboard.wire.dapr import DeliveryStatus

__all__ = ["Begun", "HandlingHops"]

SUCCESS: Final = DeliveryStatus.SUCCESS
UNREAD: Final = (Poison, Redeliver)


Begun: TypeAlias = tuple[Sequence[int], float]
"""Handling under way: the attempt of each event, and since when, in seconds of the monotonic clock."""
Succeeded: TypeAlias = tuple[ReceivedEvent, int, float, float]
"""An event that was handled, its attempt, and when that began and ended, by the same clock."""


@dataclass(frozen=True, slots=True)
class HandlingHops:
    """Records what became of what was handled. What is delivered in bulk takes as long as all of it.

    It is no `Handling` around another one, which would be a coroutine more for each event.
    """

    settler: Settler
    journal: Journal
    _alone: GatheredHops[Succeeded] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_alone", self.journal.gathering(self._record_alone))

    def begun(self, received_events: Sequence[ReceivedEvent]) -> Begun:
        """To be told with what becomes of the events, which are given to their handler now."""
        return self.settler.attempts(received_events), self.journal.monotonic()

    def begun_alone(self, received: ReceivedEvent) -> tuple[int, float]:
        """The same of one event: its attempt, and since when."""
        return self.settler.attempt(received), self.journal.monotonic()

    def one(self, received: ReceivedEvent, settled: Settled, attempt: int, since: float) -> None:
        """Record what became of an event that was delivered alone: in any case what did not go well."""
        ended = self.journal.monotonic()
        if settled is SUCCEEDED:
            self._alone.add((received, attempt, since, ended))
        else:
            self.journal.flush()  # of one event what came first stands first
            self._record(received, settled, attempt, ended - since)

    def many(
        self, received_events: Sequence[ReceivedEvent], settled: Sequence[Settled], begun: Begun
    ) -> None:
        """Record what became of a bulk delivery; where there are very many events, once it is answered."""
        attempts, since = begun
        took = self.journal.monotonic() - since
        self.journal.afterwards(self._record_many, received_events, settled, attempts, took)

    def _record_alone(self, succeeded: Sequence[Succeeded]) -> None:
        """Those that are kept."""
        names = [_name(received) for received, _, _, _ in succeeded]
        latest = max(attempt for _, attempt, _, _ in succeeded)
        for position in self._chosen(names, latest):
            received, attempt, since, ended = succeeded[position]
            self._record(received, SUCCEEDED, attempt, ended - since, ended)

    def _record_many(
        self,
        received_events: Sequence[ReceivedEvent],
        settled: Sequence[Settled],
        attempts: Sequence[int],
        took: float,
    ) -> None:
        """All that did not go well, and those of the others that are kept."""
        names = [
            _name(received) if each is SUCCEEDED else ""
            for received, each in zip(received_events, settled, strict=True)
        ]
        for position in self._chosen(names, max(attempts, default=1)):
            self._record(received_events[position], settled[position], attempts[position], took)

    def _chosen(self, names: Sequence[str], attempt: int) -> Sequence[int]:
        """The positions of what is to be recorded, by the ids of the events; what has none always is."""
        recorder, to = self.journal.recorder, self.settler.declaration
        if recorder is None:
            return ()
        return recorder.chosen(HopKind.HANDLED, to.pubsub, to.topic, names, attempt, SUCCESS)

    def _record(
        self, received: ReceivedEvent, settled: Settled, attempt: int, took: float, ended: float | None = None
    ) -> None:
        declaration = self.settler.declaration
        partition, offset = received.position()
        self.journal(
            HopKind.HANDLED, declaration.pubsub, declaration.topic, received.event_identity(),
            attempt=attempt, outcome=settled.status, detail=self._reason(received, settled), duration=took,
            partition=partition, offset=offset, ended=ended,
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
