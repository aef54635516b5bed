"""Publishes what is stored: in order within a lane, lanes beside each other, each event at least once.

An event of a lane is sent only after the one before it was acknowledged to this relay, or was settled in the
database. So the order in which events appear first holds even where two relays believe that they have a
partition; leases only keep duplicates few.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.clock import Clock
from outboard.errors import NotDurable, OutboxUnavailable, SidecarError
from outboard.kit.client.port import Publication
from outboard.kit.outbox.backlog import Backlog
from outboard.kit.outbox.failures import CLOSED, Breaker, PublishOutcome, backoff, outcome_of, reason_of
from outboard.kit.outbox.partitions import LEASE_SECONDS, NO_LEASE, Lease
from outboard.kit.outbox.port import FetchRequest, OutboxStore, Postponed, Refused, Settlement, StoredEvent

__all__ = ["Publish", "Relay", "Surroundings"]

log: Final = logging.getLogger("outboard.outbox")

POLL_SECONDS: Final = 1.0
FETCH_EVENTS: Final = 200
HELD_EVENTS: Final = 1_000
UNSETTLED_EVENTS: Final = 256
LONGEST_PAUSE: Final = 5.0

Publish: TypeAlias = Callable[[Publication, float], Awaitable[None]]
"""Publish within so many seconds, or raise a SidecarError."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a relay works with. `random` gives numbers in [0, 1); `timeout`, in seconds, is of one publish."""

    store: OutboxStore
    publish: Publish
    clock: Clock
    random: Callable[[], float]
    timeout: float


class Relay:
    """One relay; `token` is its own, unlike that of every other.

    At most `UNSETTLED_EVENTS` are under way or not yet deleted: so many can come twice when it is killed.
    """

    def __init__(self, token: str, surroundings: Surroundings) -> None:
        self._token = token
        self._store = surroundings.store
        self._publish = surroundings.publish
        self._clock = surroundings.clock
        self._random = surroundings.random
        self._timeout = surroundings.timeout
        self._lease = NO_LEASE
        self._backlog = Backlog()
        self._breakers: dict[str, Breaker] = {}
        self._failures: dict[int, int] = {}
        self._settlement = Settlement()
        self._unblock: set[int] = set()
        self._unsettled = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = contextvars.copy_context()
        self._stirred = asyncio.Event()
        self._hinted = True
        self._polls_at = 0.0
        self._leaving = False

    def wake(self) -> None:
        """Something was committed. To be called in the relay's event loop."""
        self._hinted = True
        self._stirred.set()

    async def run(self) -> None:
        """Publish until cancelled; then wait for what is under way, and give the partitions back."""
        await self._patiently(self._store.prepare)
        try:
            while True:
                await self._patiently(self.step)
                await self._idle()
        finally:
            await self._leave()

    async def step(self) -> None:
        """Ask the database once for whatever it is time for, and let leave what may.

        Raises OutboxUnavailable; nothing is forgotten then.
        """
        self._stirred.clear()
        await self._settle()
        now = self._clock.monotonic()
        polling = now >= self._polls_at
        if polling:
            self._polls_at = now + POLL_SECONDS * (0.5 + self._random())
        if self._lease.is_due(now, polling=polling):
            await self._claim()
        self._backlog.keep(self._is_wanted)
        if (polling or self._hinted) and self._lease.partitions:
            await self._fetch()
        self._send()

    async def _patiently(self, do: Callable[[], Awaitable[None]]) -> None:
        """Try until it is done: whatever is wrong, a relay that has ended would publish nothing any more."""
        failures = 0
        while True:
            try:
                return await do()
            except (OutboxUnavailable, NotDurable) as error:
                if not failures:
                    log.warning("the outbox is not relayed for now; what is staged is kept: %s", error)
            except Exception:
                log.exception("the outbox is not relayed for now; what is staged is kept")
            failures += 1
            await self._clock.sleep(backoff(failures, self._random(), LONGEST_PAUSE))

    # What the database is asked

    async def _settle(self) -> None:
        settlement, lanes = self._settlement, self._unblock
        self._settlement, self._unblock = Settlement(), set()
        if settlement:
            try:
                await self._store.settle(self._token, settlement)
            except BaseException:
                self._settlement = settlement.before(self._settlement)
                self._unblock |= lanes
                raise
            self._unsettled -= len(settlement.sequences)
            self._backlog.settled(settlement.sequences)
            self._hinted = self._hinted or bool(settlement.refused)
        if lanes:
            self._backlog.unblock(lanes)

    async def _claim(self) -> None:
        asked_at = self._clock.monotonic()
        partitions = await self._store.claim(self._token, LEASE_SECONDS)
        if partitions != self._lease.partitions:
            log.info("relaying %d partitions of the outbox", len(partitions))
            self._hinted = True
            self._failures.clear()
        self._lease = Lease(partitions, asked_at)

    async def _fetch(self) -> None:
        held = self._backlog.held
        limit = min(FETCH_EVENTS, HELD_EVENTS - len(held))
        if limit <= 0:
            return  # the next one to be settled makes room, and the loop turns again
        self._hinted = False
        now = self._clock.monotonic()
        closed = [pubsub for pubsub, breaker in self._breakers.items() if breaker.is_open(now)]
        wanted = FetchRequest(limit, held, self._backlog.full_lanes, closed)
        try:
            events = await self._store.fetch(self._token, wanted)
        except BaseException:
            self._hinted = True
            raise
        self._backlog.add(events)
        self._hinted = self._hinted or len(events) == limit

    # What is sent

    def _send(self) -> None:
        """Let every idle lane run whose head may leave."""
        for lane in self._backlog.idle_lanes:
            head = self._backlog.head(lane)
            if head is not None and self._may_leave(head):
                self._backlog.start(lane)
                self._admit(head)
                task = asyncio.create_task(self._run(lane, head), context=self._context.copy())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: int, head: StoredEvent) -> None:
        """Send the events of one lane, each after the one before it, as long as they may leave."""
        event: StoredEvent | None = head
        while event is not None:
            outcome, reason = await self._attempt(event)
            self._stirred.set()
            if not self._note(event, outcome, reason):
                break
            event = self._backlog.head(lane)
            if event is not None and not self._may_leave(event):
                break
            if event is not None:
                self._admit(event)
        self._backlog.stop(lane)

    async def _attempt(self, event: StoredEvent) -> tuple[PublishOutcome, str]:
        try:
            await self._publish(event.publication, self._timeout)
        except SidecarError as error:
            return outcome_of(error), reason_of(error)
        except Exception as error:  # none is expected, but an event may not stay in hand for ever
            log.exception("event %s of the outbox could not be sent", event.event_id)
            return PublishOutcome.FAILED, type(error).__name__
        return PublishOutcome.DELIVERED, ""

    def _note(self, event: StoredEvent, outcome: PublishOutcome, reason: str) -> bool:
        """Take down what became of `event`; whether its lane may go on at once."""
        pubsub = event.publication.pubsub
        if outcome is PublishOutcome.DELIVERED:
            self._breakers.pop(pubsub, None)
            self._failures.pop(event.lane, None)
            self._backlog.advance(event.lane)
            self._settlement.delivered.append(event.sequence)
            return True
        self._backlog.block(event.lane)
        self._unblock.add(event.lane)
        if outcome is PublishOutcome.REFUSED:
            self._breakers.pop(pubsub, None)
            self._failures.pop(event.lane, None)
            log.error("event %s for topic '%s' of '%s' is parked in the outbox: %s",
                      event.event_id, event.publication.topic, pubsub, reason)  # fmt: skip
            self._settlement.refused.append(Refused(event.sequence, reason))
            return False
        self._open(pubsub, reason, outage=outcome is PublishOutcome.UNREACHABLE)
        if outcome is PublishOutcome.UNREACHABLE:
            self._unsettled -= 1
            return False
        failures = self._failures[event.lane] = self._failures.get(event.lane, 0) + 1
        delay = backoff(failures, self._random())
        self._settlement.postponed.append(Postponed(event.sequence, delay, reason))
        return False

    def _open(self, pubsub: str, reason: str, *, outage: bool) -> None:
        before = self._breakers.get(pubsub, CLOSED)
        after = before.failed(self._clock.monotonic(), self._random(), outage=outage)
        if before.until is None and after.until is not None:
            log.warning("'%s' takes no events of the outbox for now; they are kept: %s", pubsub, reason)
        self._breakers[pubsub] = after

    def _may_leave(self, event: StoredEvent) -> bool:
        now = self._clock.monotonic()
        return (
            not self._leaving
            and self._unsettled < UNSETTLED_EVENTS
            and self._lease.covers(event.partition, now)
            and self._breakers.get(event.publication.pubsub, CLOSED).allows(now)
        )

    def _admit(self, event: StoredEvent) -> None:
        pubsub = event.publication.pubsub
        self._unsettled += 1
        if (breaker := self._breakers.get(pubsub)) is not None:
            self._breakers[pubsub] = breaker.admitted()

    def _is_wanted(self, event: StoredEvent) -> bool:
        """Whether to keep an event in memory that waits there."""
        now = self._clock.monotonic()
        breaker = self._breakers.get(event.publication.pubsub, CLOSED)
        return self._lease.covers(event.partition, now) and not breaker.is_open(now)

    # Waiting, and the end

    async def _idle(self) -> None:
        """Wait until something was committed or came to an end, or until it is time to poll."""
        if self._hinted and len(self._backlog.held) < HELD_EVENTS and self._lease.partitions:
            await asyncio.sleep(0)
            return
        left = self._polls_at - self._clock.monotonic()
        stirred = asyncio.ensure_future(self._stirred.wait())
        timer = asyncio.ensure_future(self._clock.sleep(max(left, 0.0)))
        try:
            await asyncio.wait((stirred, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
            timer.cancel()

    async def _leave(self) -> None:
        """What is under way is waited for and deleted, so that nobody publishes it again."""
        self._leaving = True
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))
        try:
            await self._settle()
            await self._store.release(self._token)
        except OutboxUnavailable as error:
            log.warning("the outbox could not be told that a relay has ended: %s", error)
