"""Handlers that take a batch.

They take what the sidecar delivers alone, and what it delivers in bulk, by the rules of `deliveries`: nothing
overtakes, within its key, what is to come again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.kit.subscriptions.chain import CallHandler
from outboard.kit.subscriptions.endpoint import HandlerCall, Runner
from outboard.kit.subscriptions.ordering import run_in_key_order
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import (
    HELD_BACK,
    Duplicate,
    Handled,
    Poison,
    Redeliver,
    Settled,
    TakeApart,
    outcomes_of,
)
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.events import Event

__all__ = ["BatchHandling"]

log: Final = logging.getLogger("outboard.subscriptions")

RETRY: Final = DeliveryStatus.RETRY


@dataclass(frozen=True, slots=True)
class BatchHandling:
    """Gives the handler the events of a request together, at most `max_events`, with dependencies in common.

    What cannot be read is settled first, each event for itself (`concurrency` at once); the handler gets the
    others.
    """

    settler: Settler
    call: CallHandler
    max_events: int
    concurrency: int

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """As `Handling`."""
        (settled,) = await self.many([received], runner)
        return settled

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """As `Handling`."""
        delivery = _BatchDelivery(self, received_events, runner)
        await delivery.settle_unread(self.concurrency)
        await delivery.run_all(self.max_events)
        return delivery.settled


class _BatchDelivery:
    """One request on its way through a handler of batches. Its events are named by their positions."""

    def __init__(
        self, handling: BatchHandling, received_events: Sequence[ReceivedEvent], runner: Runner
    ) -> None:
        self.settled = [HELD_BACK] * len(received_events)
        self._settler = handling.settler
        self._call = handling.call
        self._received = received_events
        self._runner = runner
        self._held: dict[str, int] = {}
        """For each key of which an event is to come again, where that event stands."""

    async def settle_unread(self, concurrency: int) -> None:
        """Settle the events that could not be read."""
        unread = [at for at, received in enumerate(self._received) if not isinstance(received.reading, Event)]

        async def step(index: int) -> bool:
            await self._settle(unread[index], self._received[unread[index]].reading)
            return self.settled[unread[index]].status is not RETRY

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
        run = await self._call(HandlerCall(self._runner, events, [self._received[at] for at in batch]))
        found = outcomes_of(run, len(batch))
        if isinstance(found, TakeApart):
            await self._run_apart(batch, found.reason)
        elif isinstance(found, Redeliver) and len(batch) > 1:
            told = self._settler.retry_all(found, [self._received[at] for at in batch])
            for at in batch:
                self.settled[at] = told
            self._hold(batch)
        else:
            for at, each in zip(batch, [found] if isinstance(found, Redeliver) else found, strict=True):
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
        assert isinstance(found, Handled | Duplicate | Redeliver | Poison)
        self.settled[at] = await self._settler.settle(found, received, self._runner.route)
        if self.settled[at].status is RETRY:
            self._hold([at])

    def _hold(self, batch: Sequence[int]) -> None:
        for at in batch:
            key = self._received[at].key
            if key is not None:
                self._held[key] = min(at, self._held.get(key, at))

    def _may_run(self, at: int) -> bool:
        key = self._received[at].key
        return key is None or self._held.get(key, at) >= at
