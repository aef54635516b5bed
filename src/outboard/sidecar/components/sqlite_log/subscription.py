"""One subscription at work: it holds partitions of a topic, reads them, hands them over, commits.

Lemma: of a partition, an event is handed over only after the one before it was settled, whoever does it. So
the order in which events of a key arrive for the first time is theirs, even where two members believe to hold
a partition: leases and fences only keep duplicates few.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.components.port import BulkHandler, ComponentError, NotAcknowledged
from outboard.sidecar.components.sqlite_log import members, positions, wakeup
from outboard.sidecar.components.sqlite_log.events import Appended, Event, Found, newest
from outboard.sidecar.components.sqlite_log.liveness import Observer
from outboard.sidecar.components.sqlite_log.log import Log, Watcher
from outboard.sidecar.components.sqlite_log.members import Share, Subscriber
from outboard.sidecar.components.sqlite_log.partition import Partition
from outboard.sidecar.components.sqlite_log.positions import Claim
from outboard.sidecar.resiliency.delays import delay_after

__all__ = ["Outside", "Subscription", "Terms"]

logger = logging.getLogger(__name__)

BETWEEN_TENDS: Final = 0.01
"""Seconds at least, however many datagrams say that the group has changed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How events are handed over: `batch` to a call, so many `calls` at once.

    `capacity` bounds what is read ahead of one partition.
    """

    batch: int
    calls: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Outside:
    """What a subscription takes from the world.

    `now` gives the machine's seconds: leases are real, also where a test lets back-offs take no time.
    """

    observer: Observer
    now: Callable[[], float]
    random: Callable[[], float]


Run = tuple[Partition, list[Event]]


class Subscription:
    """Runs once. `subscriber` is who consumes what; `handle` gets the events."""

    def __init__(
        self, log: Log, subscriber: Subscriber, terms: Terms, handle: BulkHandler, outside: Outside
    ) -> None:
        self._log = log
        self._subscriber = subscriber
        self._terms = terms
        self._handle = handle
        self._outside = outside
        self._member = 0
        self._valid_until = 0.0
        self._seen = 0
        self._reading = False
        self._partitions: dict[int, Partition] = {}
        self._queue: deque[Partition] = deque()
        self._calls = asyncio.Semaphore(terms.calls)
        self._look = asyncio.Event()
        self._ready = asyncio.Event()
        self._regroup = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    async def run(self, subscribed: Callable[[], None]) -> None:
        """Consume until cancelled. Raises ComponentError where the log cannot be read or joined."""
        watcher = Watcher(self._look.set, self._appended, self._regroup.set, self._refused)
        async with self._log.watched(watcher):
            await self._join()
            try:
                await self._tend()
                subscribed()
                async with self._tasks:
                    for work in (self._tend_forever, self._read_forever, self._deliver_forever):
                        self._tasks.create_task(work())
            except BaseExceptionGroup as group:
                raise _first(group) from None
            finally:
                await self._leave()

    # Membership

    async def _join(self) -> None:
        log, subscriber, initial = self._log, self._subscriber, self._log.settings.initial_offset

        def join(connection: sqlite3.Connection) -> tuple[int, int]:
            return members.join(connection, subscriber, initial), newest(connection)

        self._member, self._seen = await log.writer.do(join)
        await self._call_members()

    async def _leave(self) -> None:
        with suppress(ComponentError):  # then the others find out when it beats no longer
            await self._log.writer.do(
                lambda connection: members.leave(connection, self._subscriber, self._member)
            )
            await self._call_members()

    async def _call_members(self) -> None:
        self._log.call_members(await self._log.writer.do(members.ports))

    async def _tend_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._log.settings.heartbeat_interval):
                    await self._regroup.wait()
            self._regroup.clear()
            await asyncio.sleep(BETWEEN_TENDS)
            try:
                await self._tend()
            except ComponentError as error:
                logger.warning("no heartbeat of group '%s': %s", self._subscriber.group, error)

    async def _tend(self) -> None:
        """Beat, and take over or let go of partitions."""
        began, now = self._outside.now(), self._log.now()
        share = await self._log.writer.do(
            lambda connection: members.tend(
                connection, self._subscriber, self._member, self._outside.observer, now
            )
        )
        if share is None:
            logger.warning(
                "group '%s' went on without this consumer, which was silent for too long: it joins anew",
                self._subscriber.group,
            )
            self._partitions.clear()
            await self._join()
            self._regroup.set()
            return
        self._valid_until = began + self._log.settings.session_timeout
        self._take_share(share)

    def _take_share(self, share: Share) -> None:
        for number in self._partitions.keys() - share.held:
            del self._partitions[number]
        for number in share.held - self._partitions.keys():  # let go of before, but not in the log
            self._give_up(number)
        for number, committed in share.claimed.items():
            self._partitions[number] = Partition(number, committed, self._terms.capacity)
        for number, partition in list(self._partitions.items()):
            partition.leaving = number in share.leave
            self._offer(partition)
        self._look.set()
        self._ready.set()

    def _give_up(self, number: int) -> None:
        """Let another member have partition `number`."""
        self._partitions.pop(number, None)
        claim = self._claim(number)

        async def release() -> None:
            with suppress(ComponentError):  # tried again with the next heartbeat
                await self._log.writer.do(lambda connection: positions.release(connection, [claim]))
                await self._call_members()

        self._tasks.create_task(release())

    def _refused(self, claim: Claim) -> None:
        if claim == self._claim(claim.partition):
            self._partitions.pop(claim.partition, None)
            self._regroup.set()

    def _claim(self, number: int) -> Claim:
        return Claim(self._subscriber.group, self._subscriber.topic.id, number, self._member)

    # Reading

    async def _read_forever(self) -> None:
        pause = wakeup.LOOK_EVERY if self._log.port else wakeup.LOOK_OFTEN
        while True:
            self._look.clear()
            partitions = dict(self._partitions)
            wanted = {number: each for number, held in partitions.items() if (each := held.wanted)}
            fresh = [number for number in wanted if partitions[number].fresh]
            self._reading = True
            found = await self._log.reader.read(self._subscriber.topic, self._seen, wanted, fresh)
            self._reading = False
            if self._take_found(found, partitions):
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()

    def _take_found(self, found: Found, asked: dict[int, Partition]) -> bool:
        """Whether there is more to read at once."""
        self._seen = found.seen
        more = False
        for number, partition in asked.items():
            if self._partitions.get(number) is not partition:
                continue
            if number in found.events:
                partition.add(found.events[number], number in found.unread)
                self._offer(partition)
            elif number in found.news:
                partition.fresh = True
            more = more or partition.readable
        return more

    def _appended(self, appended: Appended) -> None:
        """Take what this process has written as it is in memory, if all that lies before it was read."""
        events = appended.events
        if self._reading or events[0][1].offset != self._seen + 1:
            self._look.set()
            return
        self._seen = events[-1][1].offset
        if appended.topic.id != self._subscriber.topic.id:
            return
        for number, event in events:
            partition = self._partitions.get(number)
            if partition is not None:
                partition.follow(event)
                self._offer(partition)

    # Handing over

    def _offer(self, partition: Partition) -> None:
        """Queue `partition` if there is something to take; or let go of it, if that is due."""
        if partition.leaving and not partition.busy:
            self._give_up(partition.number)
        elif partition.ready and not partition.queued:
            partition.queued = True
            self._queue.append(partition)
            self._ready.set()

    async def _deliver_forever(self) -> None:
        while True:
            await self._calls.acquire()
            while not (batch := self._next_batch()):
                self._ready.clear()
                await self._ready.wait()
            self._tasks.create_task(self._deliver(batch))

    def _next_batch(self) -> list[Run]:
        """What can be handed over now, the partition that waited longest first."""
        if self._outside.now() > self._valid_until:  # this process was stopped: others may have taken over
            self._regroup.set()
            return []
        batch: list[Run] = []
        room = self._terms.batch
        while self._queue and room:
            partition = self._queue.popleft()
            partition.queued = False
            if partition.ready and self._partitions.get(partition.number) is partition:
                events = partition.take(room)
                batch.append((partition, events))
                room -= len(events)
        return batch

    async def _deliver(self, batch: Sequence[Run]) -> None:
        try:
            outcomes = await self._handle([event.message for _, events in batch for event in events])
        finally:
            self._calls.release()
        start = 0
        for partition, events in batch:
            run = outcomes[start : start + len(events)]
            start += len(events)
            if self._partitions.get(partition.number) is partition:
                self._settle(partition, run)
        if any(partition.readable for partition, _ in batch):
            self._look.set()

    def _settle(self, partition: Partition, outcomes: Sequence[NotAcknowledged | None]) -> None:
        if partition.settle([outcome is None for outcome in outcomes]):
            error = next(outcome for outcome in outcomes if outcome is not None)
            self._hold(partition, error)
        self._log.commit([(self._claim(partition.number), partition.committed)])
        self._offer(partition)

    def _hold(self, partition: Partition, error: NotAcknowledged) -> None:
        """Keep the partition back until its first event, which failed, is due again; or skip that event."""
        clock = self._log.clock
        partition.failures += 1
        if partition.failures == 1:
            partition.first_failure = clock.monotonic()
        elapsed = clock.monotonic() - partition.first_failure
        retry = self._log.settings.retry
        delay = delay_after(retry, partition.failures, elapsed, self._outside.random)
        if delay is None:
            self._skip(partition, error)
            return
        partition.held = True
        self._tasks.create_task(self._again(partition, delay))

    def _skip(self, partition: Partition, error: NotAcknowledged) -> None:
        attempts, event = partition.failures, partition.skip()
        text = "the event at offset %d is skipped for group '%s' after %d attempts, as `backOff...` says: %s"
        logger.error(text, event.offset, self._subscriber.group, attempts, error)

    async def _again(self, partition: Partition, delay: float) -> None:
        await self._log.clock.sleep(delay)
        partition.held = False
        if self._partitions.get(partition.number) is partition:
            self._offer(partition)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One exception in place of a group of them."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
