"""Publishes the events that a relay has in memory: one after another in a lane, lanes beside each other.

A lane is, as `Backlog` keeps it:

    state    what is under way   goes on
    idle     nothing             when its head may leave: running
    running  its head            delivered: with the next event, or idle; anything else: blocked
    blocked  nothing             when what became of its head is written down: forgotten, and fetched again
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.clock import Clock
from outboard.errors import SidecarError
from outboard.hops.journal import Journal
from outboard.hops.record import FAILED, EventIdentity, HopKind
from outboard.kit.client.port import Publication
from outboard.kit.outbox.backlog import Backlog
from outboard.kit.outbox.failures import Breakers, PublishOutcome, Redact, backoff, outcome_of, reason_of
from outboard.kit.outbox.ledger import Ledger
from outboard.kit.outbox.partitions import NO_LEASE
from outboard.kit.outbox.port import ExpiredEvent, StoredEvent
from outboard.kit.outbox.published import PublishedLog
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["Publish", "SendContext", "Sender"]

log: Final = logging.getLogger("outboard.outbox")

EXPIRED: Final = "it was not sent by the time at which it expires"

Publish: TypeAlias = Callable[[Publication, float], Awaitable[object]]
"""Publish within so many seconds, or raise a SidecarError."""


@dataclass(frozen=True, slots=True)
class SendContext:
    """What a sender works with. `random` is in [0, 1); `timeout`, in seconds, is of one publish.

    `redact` says what may be kept and logged of a failure.
    """

    publish: Publish
    clock: Clock
    random: Callable[[], float]
    timeout: float
    journal: Journal | None = None
    redact: Redact | None = None


class Sender:
    """Sends what is in `backlog`, as far as `lease` goes, and notes in `ledger` what became of it.

    `on_end` is called whenever a publish has ended, before that is noted.
    """

    def __init__(self, context: SendContext, on_end: Callable[[], None]) -> None:
        self.backlog = Backlog()
        self.ledger = Ledger()
        self.breakers = Breakers()
        self.published = PublishedLog()
        self.lease = NO_LEASE
        self._kept_by = NO_LEASE
        self._given = context
        self._on_end = on_end
        self._failures: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = contextvars.copy_context()
        self._leaving = False

    def send(self) -> None:
        """Let every idle lane run whose head may leave."""
        for lane in self.backlog.idle_lanes:
            if self.ledger.is_full:
                break  # of a thousand lanes, most would be asked in vain
            head = self.backlog.head(lane)
            if head is not None and self._may_leave(head):
                self.backlog.start(lane)
                self._admit(head)
                task = asyncio.create_task(self._run(lane, head), context=self._context.copy())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def forget_unwanted(self) -> bool:
        """Keep in memory only what could be sent, as far as anybody knows; whether anything was let go of."""
        now = self._given.clock.monotonic()
        if (
            self.lease is self._kept_by
            and self.lease.lasts(now)
            and not self.breakers.open_ones(now)
            and not self.backlog.has_deadlines
        ):
            return False  # nothing has changed for any of them
        self._kept_by = self.lease
        return self.backlog.keep(self._is_wanted)

    def expired(self, events: Sequence[ExpiredEvent]) -> None:
        """Tell of what was not sent by its time."""
        if events:
            log.warning("%d events of the outbox were not sent by the time at which they expire, such as %s "
                        "for topic '%s' of '%s': they are deleted",
                        len(events), events[0].event_id, events[0].topic, events[0].pubsub)  # fmt: skip
        if (journal := self._given.journal) is not None and journal.recorder is not None:
            for each in events:
                identity = EventIdentity(each.event_id, key=each.key or "")
                journal(HopKind.UNSENT, each.pubsub, each.topic, identity, detail=EXPIRED)

    def forget_failures(self) -> None:
        """Other relays may have sent events of these lanes: what failed here before says nothing of them."""
        self._failures.clear()

    async def finish(self) -> None:
        """Begin nothing more; return when what is under way has ended."""
        self._leaving = True
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _run(self, lane: int, head: StoredEvent) -> None:
        """Send the events of one lane, each after the one before it, as long as they may leave."""
        event: StoredEvent | None = head
        while event is not None:
            outcome, reason = await self._attempt(event)
            self._on_end()
            if not self._note(event, outcome, reason):
                break
            event = self.backlog.head(lane)
            if event is not None and not self._may_leave(event):
                break
            if event is not None:
                self._admit(event)
        self.backlog.stop(lane)

    async def _attempt(self, event: StoredEvent) -> tuple[PublishOutcome, str]:
        try:
            await self._given.publish(event.publication, self._given.timeout)
        except SidecarError as error:
            return outcome_of(error), reason_of(error, self._given.redact)
        except Exception as error:  # none is expected, but an event may not stay in hand for ever
            log.exception("event %s of the outbox could not be sent", event.event_id)
            return PublishOutcome.FAILED, type(error).__name__
        return PublishOutcome.DELIVERED, ""

    def _note(self, event: StoredEvent, outcome: PublishOutcome, reason: str) -> bool:
        """Take down what became of `event`; whether its lane may go on at once."""
        self._record(event, outcome, reason)
        pubsub = event.publication.pubsub
        if outcome in (PublishOutcome.DELIVERED, PublishOutcome.REFUSED):
            self.breakers.answered(pubsub)
            self._failures.pop(event.lane, None)
        if outcome is PublishOutcome.DELIVERED:
            self.backlog.advance(event.lane)
            self.ledger.delivered(event)
            self.published.note(event)
            return True
        self.backlog.block(event.lane)
        if outcome is PublishOutcome.REFUSED:
            log.error("event %s for topic '%s' of '%s' is parked in the outbox: %s",
                      event.event_id, event.publication.topic, pubsub, reason)  # fmt: skip
            self.ledger.refused(event, reason)
            return False
        self._failed(event, reason, outage=outcome is PublishOutcome.UNREACHABLE)
        return False

    def _record(self, event: StoredEvent, outcome: PublishOutcome, reason: str) -> None:
        journal, publication = self._given.journal, event.publication
        if journal is not None and journal.recorder is not None:
            identity = EventIdentity(event.event_id, key=publication.metadata.get(PARTITION_KEY, ""))
            kind = HopKind.PARKED if outcome is PublishOutcome.REFUSED else HopKind.RELAYED
            failed = FAILED if outcome in (PublishOutcome.FAILED, PublishOutcome.UNREACHABLE) else ""
            target = publication.pubsub, publication.topic
            journal(kind, *target, identity, outcome=failed, detail=reason)

    def _failed(self, event: StoredEvent, reason: str, *, outage: bool) -> None:
        pubsub, random = event.publication.pubsub, self._given.random
        if self.breakers.failed(pubsub, self._given.clock.monotonic(), random(), outage=outage):
            log.warning("'%s' takes no events of the outbox for now; they are kept: %s", pubsub, reason)
        if outage:
            self.ledger.unanswered(event)  # which says nothing against the event, and counts no attempt
            return
        failures = self._failures[event.lane] = self._failures.get(event.lane, 0) + 1
        self.ledger.postponed(event, backoff(failures, random()), reason)

    def _may_leave(self, event: StoredEvent) -> bool:
        now = self._given.clock.monotonic()
        return (
            not self._leaving
            and not self.ledger.is_full
            and self.lease.covers(event.partition, now)
            and self.breakers.allows(event.publication.pubsub, now)
            and not self.backlog.has_expired(event, now)
        )

    def _admit(self, event: StoredEvent) -> None:
        self.ledger.sent()
        self.breakers.admitted(event.publication.pubsub)

    def _is_wanted(self, event: StoredEvent) -> bool:
        now = self._given.clock.monotonic()
        return (
            self.lease.covers(event.partition, now)
            and not self.breakers.is_open(event.publication.pubsub, now)
            and not self.backlog.has_expired(event, now)
        )
