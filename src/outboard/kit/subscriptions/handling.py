"""The two kinds of handlers: those that take one event, and those that take a batch.

Both take what the sidecar delivers alone, and what it delivers in bulk. In a bulk delivery nothing
overtakes, within its key, what is to come again: after the first event of a key that is answered RETRY, the
later ones of that key are answered RETRY without being run. A dead letter settles its event, so that what is
behind it goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.ordering import run_in_key_order
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import Reading, ReceivedEvent
from outboard.kit.subscriptions.result import (
    ENDED,
    Handled,
    Outcome,
    Poison,
    Retry,
    TakeApart,
    outcome_of,
    outcomes_of,
)
from outboard.kit.tracing import Within, go_on_within
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.events import Event

__all__ = ["BatchHandling", "EventHandling", "Handling"]

log: Final = logging.getLogger("outboard.subscriptions")

RETRY: Final = DeliveryStatus.RETRY


class Handling(Protocol):
    """Lets a handler take what arrived in one request. Raises nothing: an error of the handler is RETRY."""

    async def one(self, received: ReceivedEvent, runner: Runner) -> DeliveryStatus:
        """Take an event that was delivered alone."""
        ...

    async def many(
        self, received_events: Sequence[ReceivedEvent], runner: Runner
    ) -> Sequence[DeliveryStatus]:
        """Take a bulk delivery, and return the status of each of its events."""
        ...


@dataclass(frozen=True, slots=True)
class EventHandling:
    """Gives the handler one event after another, each with its own dependencies, `concurrency` at once."""

    settler: Settler
    concurrency: int

    async def one(self, received: ReceivedEvent, runner: Runner) -> DeliveryStatus:
        """See Handling."""
        with Within(received.trace):
            return await self._handle(received, runner, None)

    async def many(
        self, received_events: Sequence[ReceivedEvent], runner: Runner
    ) -> Sequence[DeliveryStatus]:
        """See Handling."""
        statuses = [RETRY] * len(received_events)

        async def step(position: int) -> bool:
            received = received_events[position]
            go_on_within(received.trace)  # until the end of the step, which has context variables of its own
            status = statuses[position] = await self._handle(received, runner, received)
            return status is not RETRY

        await run_in_key_order([received.key for received in received_events], step, self.concurrency)
        return statuses

    async def _handle(
        self, received: ReceivedEvent, runner: Runner, part: ReceivedEvent | None
    ) -> DeliveryStatus:
        found: Reading | Outcome = received.reading
        if isinstance(found, Event):
            run = await runner.run(found, part)
            if run is ENDED:
                return self.settler.handled(received)
            found = outcome_of(run)
        return await self.settler.settle(found, received, runner.route)


@dataclass(frozen=True, slots=True)
class BatchHandling:
    """Gives the handler the events of a request together, at most `max_events`, with dependencies in common.

    What cannot be read is settled first, each event for itself (`concurrency` at once); the handler gets the
    others.
    """

    settler: Settler
    max_events: int
    concurrency: int

    async def one(self, received: ReceivedEvent, runner: Runner) -> DeliveryStatus:
        """See Handling."""
        (status,) = await self.many([received], runner)
        return status

    async def many(
        self, received_events: Sequence[ReceivedEvent], runner: Runner
    ) -> Sequence[DeliveryStatus]:
        """See Handling."""
        delivery = _BatchDelivery(self.settler, received_events, runner)
        await delivery.settle_unread(self.concurrency)
        await delivery.run_all(self.max_events)
        return delivery.statuses


class _BatchDelivery:
    """One request on its way through a handler of batches. Its events are named by their positions."""

    def __init__(self, settler: Settler, received_events: Sequence[ReceivedEvent], runner: Runner) -> None:
        self.statuses = [RETRY] * len(received_events)
        self._settler = settler
        self._received = received_events
        self._runner = runner
        self._held: dict[str, int] = {}
        """For each key of which an event is to come again, where that event stands."""

    async def settle_unread(self, concurrency: int) -> None:
        """Settle the events that could not be read."""
        unread = [at for at, received in enumerate(self._received) if not isinstance(received.reading, Event)]

        async def step(index: int) -> bool:
            await self._settle(unread[index], self._received[unread[index]].reading)
            return self.statuses[unread[index]] is not RETRY

        if unread:
            await run_in_key_order([self._received[at].key for at in unread], step, concurrency)

    async def run_all(self, max_events: int) -> None:
        """Run the others, in order, in as many batches as it takes."""
        waiting = [at for at, received in enumerate(self._received) if isinstance(received.reading, Event)]
        while waiting := [at for at in waiting if self._may_run(at)]:
            batch, waiting = waiting[:max_events], waiting[max_events:]
            await self._run(batch)

    async def _run(self, batch: Sequence[int]) -> None:
        events = [self._received[at].reading for at in batch]
        with Within(self._received[batch[0]].trace) if len(batch) == 1 else nullcontext():
            run = await self._runner.run(events)
        found = outcomes_of(run, len(batch))
        if isinstance(found, TakeApart):
            await self._run_apart(batch, found.reason)
        elif isinstance(found, Retry) and len(batch) > 1:
            self._settler.retry_all(found, [self._received[at] for at in batch])
            self._hold(batch)
        else:
            for at, each in zip(batch, [found] if isinstance(found, Retry) else found, strict=True):
                if self._may_run(at):
                    await self._settle(at, each)

    async def _run_apart(self, batch: Sequence[int], reason: str) -> None:
        """Find out which event it was: each is given to the handler once more, alone."""
        log.info("a batch of %d events is handled one by one, for Drop was raised: %s", len(batch), reason)
        for at in batch:
            if self._may_run(at):
                await self._run([at])

    async def _settle(self, at: int, found: object) -> None:
        received = self._received[at]
        assert isinstance(found, Handled | Retry | Poison)
        self.statuses[at] = await self._settler.settle(found, received, self._runner.route)
        if self.statuses[at] is RETRY:
            self._hold([at])

    def _hold(self, batch: Sequence[int]) -> None:
        for at in batch:
            key = self._received[at].key
            if key is not None:
                self._held[key] = min(at, self._held.get(key, at))

    def _may_run(self, at: int) -> bool:
        key = self._received[at].key
        return key is None or self._held.get(key, at) >= at
