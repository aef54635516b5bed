"""Publishes what is stored: in order within a lane, lanes beside each other, each event at least once.

An event of a lane is sent only after the one before it was acknowledged to this relay, or was settled in the
database. So the order in which events appear first holds even where two relays believe that they have a
partition; leases only keep duplicates few.

An event is, for the relay that has the lease of its partition:

    state      is in                  goes on
    stored     the database           when there is room in memory: fetched
    held       `Backlog`              when its lane is idle and it may leave: under way
    under way  a task of `Sender`     when its publish ends: unsettled, unless nobody answered: stored
    unsettled  `Ledger`               when that is written down: deleted, put off (stored), or parked

What is held, under way or unsettled is not fetched again. When a relay ends without a word, all of it is
stored again as soon as its lease is over: what was delivered and not yet deleted then comes a second time.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final

from outboard.errors import NotDurable, OutboxUnavailable
from outboard.kit.outbox.failures import backoff
from outboard.kit.outbox.gauges import OutboxGauges
from outboard.kit.outbox.ledger import PAGE_SECONDS, UNSETTLED_EVENTS
from outboard.kit.outbox.partitions import LEASE_SECONDS, Lease, surplus_of
from outboard.kit.outbox.port import FetchRequest, OutboxStore
from outboard.kit.outbox.sender import SendContext, Sender

__all__ = ["Relay"]

log: Final = logging.getLogger("outboard.outbox")

POLL_SECONDS: Final = 1.0
FETCH_EVENTS: Final = 200
HELD_EVENTS: Final = 1_000
LONGEST_PAUSE: Final = 5.0
SHORTEST_PAUSE: Final = 0.05
"""Between two sweeps, where somebody keeps from this relay what it would take."""
LEAVING_SECONDS: Final = 10.0
"""So long a relay that ends tries to write down what it has sent: within the usual grace period, 30 s."""


class Relay:
    """One relay; `token` is its own, unlike that of every other. `gauges` are told how much there is."""

    def __init__(
        self, token: str, store: OutboxStore, context: SendContext, gauges: OutboxGauges | None = None
    ) -> None:
        self._token = token
        self._store = store
        self._gauges = gauges
        self._clock = context.clock
        self._random = context.random
        self._stirred = asyncio.Event()
        self._sender = Sender(context, self._stirred.set)
        self._more = True
        """Whether the database may have events that were not there, or not asked for, the last time."""
        self._enough: frozenset[int] = frozenset()
        """Lanes of which the database may have more events, as they had enough the last time."""
        self._polls_at = 0.0
        self._sweeps_at = 0.0
        self._settled_at = 0.0
        self._leaving: frozenset[int] = frozenset()
        """Partitions that others are to have: nothing more of them is sent."""

    def wake(self, scheduled: bool = False, partitions: frozenset[int] | None = None) -> None:
        """Something was committed, which may wait for its time. To be called in the relay's event loop.

        What is not of its `partitions` is not for this relay; None where nobody knows.
        """
        if partitions is not None and not partitions & self._sender.lease.partitions:
            return
        self._more = True
        if scheduled:
            self._sweeps_at = 0.0
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
        # Before anything is looked at: what happens from here on makes the loop turn once more.
        self._stirred.clear()
        if self._sender.ledger.is_due(self._clock.monotonic() - self._settled_at):
            await self._settle()
        now = self._clock.monotonic()
        polling = now >= self._polls_at
        if polling:
            self._polls_at = now + POLL_SECONDS * (0.5 + 0.5 * self._random())
            await self._share()
        elif self._sender.lease.is_due(now):
            await self._claim()
        if self._sender.forget_unwanted():  # what is left of their lanes may be fetched, or has expired
            self._more, self._sweeps_at = True, 0.0
        if self._leaving:
            await self._hand_over()
        if self._sender.lease.partitions:
            if polling or now >= self._sweeps_at:
                await self._sweep()
            if polling or (self._more and self._has_room):
                await self._fetch()
            elif short := frozenset(filter(self._sender.backlog.is_short, self._enough)):
                await self._fetch(short)
        self._sender.send()
        if polling and self._gauges is not None:
            await self._gauges.tell()

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

    async def _settle(self) -> None:
        ledger, backlog = self._sender.ledger, self._sender.backlog
        page, self._settled_at = ledger.turn(), self._clock.monotonic()
        self._sender.published.tell()
        if page.settlement:
            try:
                await self._store.settle(self._token, page.settlement)
            except BaseException:  # also where it is cancelled: `_leave` writes it down
                ledger.not_written(page)
                raise
            ledger.written()
            backlog.settled(page.settlement.sequences)
            # The events behind one that was parked may be fetched now.
            self._more = self._more or bool(page.settlement.refused)
        if page.lanes:
            backlog.unblock(page.lanes)

    async def _share(self) -> None:
        """See to it that this relay has its share of the partitions: no less, and no more."""
        lease = self._sender.lease
        share = await self._store.share(self._token, LEASE_SECONDS)
        lacks = len(lease.partitions) < share.size and share.free > 0
        if lacks or lease.is_due(self._clock.monotonic()):
            await self._claim()
        elif more := surplus_of(lease.partitions, share.size, self._sender.backlog.busy_partitions):
            self._leaving |= more
            self._sender.lease = lease.without(more)

    async def _claim(self) -> None:
        asked_at = self._clock.monotonic()
        claimed = await self._store.claim(self._token, LEASE_SECONDS)
        partitions = claimed - self._leaving
        if partitions != self._sender.lease.partitions:
            log.info("relaying %d partitions of the outbox", len(partitions))
            self._more = True
            self._sender.forget_failures()
        self._sender.lease = Lease(partitions, asked_at)

    async def _hand_over(self) -> None:
        """Give back what others are to have, once nothing of it is under way: so nothing comes twice."""
        done = self._leaving - self._sender.backlog.busy_partitions
        if done:
            await self._store.release(self._token, done)
            self._leaving -= done
            log.info("relaying %d partitions of the outbox", len(self._sender.lease.partitions))

    async def _sweep(self) -> None:
        """Before what is due is fetched: from then on it has its place in its lane."""
        self._sweeps_at = math.inf
        closed = self._sender.breakers.open_ones(self._clock.monotonic())
        own = self._sender.lease.partitions
        wanted = FetchRequest(0, self._sender.backlog.held, pubsubs=closed, partitions=own)
        try:
            sweep = await self._store.sweep(self._token, wanted)
        except BaseException:
            self._sweeps_at = 0.0
            raise
        self._sender.expired(sweep.expired)
        if self._gauges is not None:
            self._gauges.expired(sweep.expired)
        self._more = self._more or sweep.due > 0
        if sweep.next_in is not None:
            again = self._clock.monotonic() + max(sweep.next_in, SHORTEST_PAUSE)
            self._sweeps_at = min(self._sweeps_at, again)

    @property
    def _has_room(self) -> bool:
        """Whether to ask for more. Each question is to leave out all that is held: so not for a few events,
        where more lanes could go on than may be under way.
        """
        backlog = self._sender.backlog
        room = HELD_EVENTS - backlog.count
        return room > 0 and (room >= FETCH_EVENTS or backlog.idle_count < UNSETTLED_EVENTS)

    async def _fetch(self, short: frozenset[int] = frozenset()) -> None:
        """Take what may leave next. With `short`, these lanes had enough, and are to get more before they
        have run empty: of what was stored meanwhile somebody tells, but not of what they have left there.
        """
        backlog = self._sender.backlog
        held = backlog.held
        limit = min(FETCH_EVENTS, HELD_EVENTS - len(held))
        if limit <= 0:
            return  # the next one to be settled makes room, and the loop turns again
        # Before the question: a commit during it may be too late for the answer.
        self._more = False
        asked_at = self._clock.monotonic()
        closed = self._sender.breakers.open_ones(asked_at)
        own = self._sender.lease.partitions
        full = backlog.full_lanes
        wanted = FetchRequest(limit, held, full, closed, own)
        try:
            events = await self._store.fetch(self._token, wanted)
        except BaseException:
            self._more = True
            raise
        backlog.add(events, asked_at)
        self._enough = frozenset([*full, *backlog.full_lanes])
        # Not where all are of lanes that ran short: of the others it was asked when these had enough, and to
        # look behind a long lane takes as long as to read it.
        others = not short or any(event.lane not in short for event in events)
        self._more = self._more or (len(events) == limit and others)

    async def _idle(self) -> None:
        """Wait until something was committed or came to an end, or until it is time to poll."""
        if self._more and self._has_room and self._sender.lease.partitions:
            await asyncio.sleep(0)
            return
        until = self._polls_at
        if self._sender.lease.partitions:
            until = min(until, self._sweeps_at)
        if self._sender.ledger.has_more:
            until = min(until, self._settled_at + PAGE_SECONDS)
        left = until - self._clock.monotonic()
        stirred = asyncio.ensure_future(self._stirred.wait())
        timer = asyncio.ensure_future(self._clock.sleep(max(left, 0.0)))
        try:
            await asyncio.wait((stirred, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
            timer.cancel()

    async def _leave(self) -> None:
        """What is under way is waited for and deleted, so that nobody publishes it again."""
        await self._sender.finish()
        until = self._clock.monotonic() + LEAVING_SECONDS
        failures = 0
        while True:
            try:
                await self._settle()
                return await self._store.release(self._token)
            except OutboxUnavailable as error:
                reason = error
            failures += 1
            # A lease that is not given back is merely waited for; what is not written down comes twice.
            if not self._sender.ledger.has_more or self._clock.monotonic() >= until:
                break
            await self._clock.sleep(backoff(failures, self._random(), LONGEST_PAUSE))
        again = ", and what it has published may be published again" * self._sender.ledger.has_more
        log.warning("the outbox could not be told that a relay has ended%s: %s", again, reason)
