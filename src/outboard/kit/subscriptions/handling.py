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

from outboard.kit.subscriptions.arrival import Arrival, Reading
from outboard.kit.subscriptions.lanes import run_in_lanes
from outboard.kit.subscriptions.outcome import (
    ENDED,
    Handled,
    Poison,
    Retry,
    TakeApart,
    Verdict,
    verdict,
    verdicts,
)
from outboard.kit.subscriptions.running import Runner
from outboard.kit.subscriptions.settling import Settler
from outboard.kit.tracing import Within, go_on_within
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.events import Event

__all__ = ["BatchHandling", "EventHandling", "Handling"]

log: Final = logging.getLogger("outboard.subscriptions")

RETRY: Final = DeliveryStatus.RETRY


class Handling(Protocol):
    """Lets a handler take what arrived in one request. Raises nothing: an error of the handler is RETRY."""

    async def one(self, arrival: Arrival, runner: Runner) -> DeliveryStatus:
        """Take an event that was delivered alone."""
        ...

    async def many(self, arrivals: Sequence[Arrival], runner: Runner) -> Sequence[DeliveryStatus]:
        """Take a bulk delivery, and return the status of each of its events."""
        ...


@dataclass(frozen=True, slots=True)
class EventHandling:
    """Gives the handler one event after another, each with its own dependencies, `concurrency` at once."""

    settler: Settler
    concurrency: int

    async def one(self, arrival: Arrival, runner: Runner) -> DeliveryStatus:
        """See Handling."""
        with Within(arrival.trace):
            return await self._handle(arrival, runner, None)

    async def many(self, arrivals: Sequence[Arrival], runner: Runner) -> Sequence[DeliveryStatus]:
        """See Handling."""
        statuses = [RETRY] * len(arrivals)

        async def step(position: int) -> bool:
            arrival = arrivals[position]
            go_on_within(arrival.trace)  # until the end of the step, which has context variables of its own
            status = statuses[position] = await self._handle(arrival, runner, arrival)
            return status is not RETRY

        await run_in_lanes([arrival.key for arrival in arrivals], step, self.concurrency)
        return statuses

    async def _handle(self, arrival: Arrival, runner: Runner, part: Arrival | None) -> DeliveryStatus:
        found: Reading | Verdict = arrival.reading
        if isinstance(found, Event):
            run = await runner.run(found, part)
            if run is ENDED:
                return self.settler.handled(arrival)
            found = verdict(run)
        return await self.settler.settle(found, arrival, runner.route)


@dataclass(frozen=True, slots=True)
class BatchHandling:
    """Gives the handler the events of a request together, at most `max_events`, with dependencies in common.

    What cannot be read is settled first, each event for itself (`concurrency` at once); the handler gets the
    others.
    """

    settler: Settler
    max_events: int
    concurrency: int

    async def one(self, arrival: Arrival, runner: Runner) -> DeliveryStatus:
        """See Handling."""
        (status,) = await self.many([arrival], runner)
        return status

    async def many(self, arrivals: Sequence[Arrival], runner: Runner) -> Sequence[DeliveryStatus]:
        """See Handling."""
        delivery = _Delivery(self.settler, arrivals, runner)
        await delivery.settle_unread(self.concurrency)
        await delivery.run_all(self.max_events)
        return delivery.statuses


class _Delivery:
    """One request on its way through a handler of batches. Its arrivals are named by their positions."""

    def __init__(self, settler: Settler, arrivals: Sequence[Arrival], runner: Runner) -> None:
        self.statuses = [RETRY] * len(arrivals)
        self._settler = settler
        self._arrivals = arrivals
        self._runner = runner
        self._held: dict[str, int] = {}
        """For each key of which an event is to come again, where that event stands."""

    async def settle_unread(self, concurrency: int) -> None:
        """Settle the events that could not be read."""
        unread = [at for at, arrival in enumerate(self._arrivals) if not isinstance(arrival.reading, Event)]

        async def step(index: int) -> bool:
            await self._settle(unread[index], self._arrivals[unread[index]].reading)
            return self.statuses[unread[index]] is not RETRY

        if unread:
            await run_in_lanes([self._arrivals[at].key for at in unread], step, concurrency)

    async def run_all(self, max_events: int) -> None:
        """Run the others, in order, in as many batches as it takes."""
        waiting = [at for at, arrival in enumerate(self._arrivals) if isinstance(arrival.reading, Event)]
        while waiting := [at for at in waiting if self._may_run(at)]:
            batch, waiting = waiting[:max_events], waiting[max_events:]
            await self._run(batch)

    async def _run(self, batch: Sequence[int]) -> None:
        events = [self._arrivals[at].reading for at in batch]
        with Within(self._arrivals[batch[0]].trace) if len(batch) == 1 else nullcontext():
            run = await self._runner.run(events)
        found = verdicts(run, len(batch))
        if isinstance(found, TakeApart):
            await self._run_apart(batch, found.reason)
        elif isinstance(found, Retry) and len(batch) > 1:
            self._settler.retry_all(found, [self._arrivals[at] for at in batch])
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
        arrival = self._arrivals[at]
        assert isinstance(found, Handled | Retry | Poison)
        self.statuses[at] = await self._settler.settle(found, arrival, self._runner.route)
        if self.statuses[at] is RETRY:
            self._hold([at])

    def _hold(self, batch: Sequence[int]) -> None:
        for at in batch:
            key = self._arrivals[at].key
            if key is not None:
                self._held[key] = min(at, self._held.get(key, at))

    def _may_run(self, at: int) -> bool:
        key = self._arrivals[at].key
        return key is None or self._held.get(key, at) >= at
