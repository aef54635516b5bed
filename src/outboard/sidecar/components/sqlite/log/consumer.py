"""One subscription at work: it holds partitions of a topic, hands over their events, commits.

Lemma: of a partition, an event is handed over only after the one before it was settled, whoever does it. So
the order in which events of a key arrive for the first time is theirs, even where two members believe to hold
a partition: leases and fences only keep duplicates few.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.components.port import BulkHandler, Interrupted, NotAcknowledged
from outboard.sidecar.components.pubsub.partitioned import Turns
from outboard.sidecar.components.sqlite.log.coordinator import Assignment, Subscriber
from outboard.sidecar.components.sqlite.log.events import LogEvent
from outboard.sidecar.components.sqlite.log.feed import Feed
from outboard.sidecar.components.sqlite.log.liveness import Observer
from outboard.sidecar.components.sqlite.log.log import Log, Watcher
from outboard.sidecar.components.sqlite.log.membership import Membership
from outboard.sidecar.components.sqlite.log.partition import Partition
from outboard.sidecar.components.sqlite.log.position import Hold, Position
from outboard.sidecar.components.sqlite.log.positions import Claim
from outboard.sidecar.resiliency.delays import delay_after

__all__ = ["ConsumerLimits", "LogConsumer"]

logger = logging.getLogger(__name__)

UNDER_WAY: Final = "it is with the app, or tried again by a retry policy of the sidecar"
LONGEST_REASON: Final = 1_000
"""Characters that are kept of it."""
TURN: Final = 128
"""Events that all calls together hand over before the loop gets a turn, where the handler gives it none."""


@dataclass(frozen=True, slots=True)
class ConsumerLimits:
    """How events are handed over: `batch` to a call, so many `calls` at once.

    `capacity` bounds what is read ahead of one partition.
    """

    batch: int
    calls: int
    capacity: int


Run = tuple[Partition, list[LogEvent]]


class LogConsumer:
    """Runs once. `subscriber` is who consumes what; `handle` gets the events."""

    def __init__(
        self,
        log: Log,
        subscriber: Subscriber,
        limits: ConsumerLimits,
        handle: BulkHandler,
        observer: Observer,
        random: Callable[[], float],
    ) -> None:
        self._log = log
        self._group = subscriber.group
        self._limits = limits
        self._handle = handle
        self._random = random
        self._now = observer.now
        self._partitions: dict[int, Partition] = {}
        self._queue: deque[Partition] = deque()
        self._turns = Turns()
        self._workers: dict[int, asyncio.Task[None]] = {}
        """By partition, who hands over its events."""
        self._withdrawn: set[asyncio.Task[None]] = set()
        """Those of them whose batch is cancelled, as a person has given up an event of it."""
        self._membership = Membership(log, subscriber, observer, self._take_assignment)
        self._feed = Feed(log, subscriber.topic, self._partitions, self._offer)
        self._tasks = asyncio.TaskGroup()

    async def run(self, subscribed: Callable[[], None]) -> None:
        """Consume until cancelled. Raises ComponentError where the log cannot be read or joined."""
        feed, membership = self._feed, self._membership
        watcher = Watcher(feed.look, feed.appended, membership.changed, self._refused)
        async with self._log.watched(watcher):
            feed.begin(await membership.join())
            try:
                async with self._tasks:
                    await membership.tend()
                    subscribed()
                    workers = [self._hand_over_forever] * self._limits.calls
                    for work in (membership.tend_forever, feed.read_forever, *workers):
                        self._tasks.create_task(work())
            except BaseExceptionGroup as group:
                raise _first(group) from None
            finally:
                await membership.leave()

    # What is held

    def _take_assignment(self, assignment: Assignment) -> None:
        for number in self._partitions.keys() - assignment.held:
            del self._partitions[number]
        for number in assignment.held - self._partitions.keys():  # let go of before, but not in the log
            self._give_up(number)
        for number, position in assignment.claimed.items():
            self._partitions[number] = Partition(number, position, self._limits.capacity)
        for number, partition in list(self._partitions.items()):
            partition.leaving = number in assignment.leave
            self._tell_long_under_way(partition)
            self._take_skip(partition, assignment.skips.get(number, 0))
            self._offer(partition)
        self._feed.look()
        self._turns.wake()

    def _take_skip(self, partition: Partition, offset: int) -> None:
        """Pass over the event at `offset`, if a person wants that and nobody has settled it yet."""
        if offset <= partition.committed:
            return
        if partition.give_up(offset):
            self._tell_given_up(offset)
            self._log.commit({self._membership.claim(partition.number): partition.position})
        elif partition.is_long_under_way and offset in partition.under_way.unsettled:
            worker = self._workers[partition.number]
            if worker not in self._withdrawn:
                self._withdrawn.add(worker)
                worker.cancel()

    def _tell_long_under_way(self, partition: Partition) -> None:
        """Let others see in the log what nobody knows the end of."""
        taken_for = self._now() - partition.taken_at
        if partition.busy and taken_for >= self._log.settings.heartbeat_interval:
            partition.is_long_under_way = True
            attempts = partition.hold.attempts if partition.hold else 0
            hold = Hold(attempts, self._log.now() - int(taken_for * 1000), UNDER_WAY)
            position = partition.under_way._replace(hold=hold)
            self._log.commit({self._membership.claim(partition.number): position})

    def _tell_given_up(self, offset: int) -> None:
        logger.warning("the event at offset %d is skipped for group '%s', as asked", offset, self._group)

    def _give_up(self, number: int) -> None:
        """Let another member have partition `number`."""
        self._partitions.pop(number, None)
        self._tasks.create_task(self._membership.release(self._membership.claim(number)))

    def _refused(self, claim: Claim) -> None:
        if claim == self._membership.claim(claim.partition):
            self._partitions.pop(claim.partition, None)
            self._membership.changed()

    # Handing over

    def _offer(self, partition: Partition) -> None:
        """Queue `partition` if there is something to take; or let go of it, if that is due."""
        if partition.leaving and not partition.busy:
            self._give_up(partition.number)
        elif partition.ready and not partition.queued:
            partition.queued = True
            self._queue.append(partition)
            self._turns.wake()

    async def _hand_over_forever(self) -> None:
        turn, since_turn = TURN // self._limits.calls, 0
        while True:
            while not (batch := self._next_batch()):
                await self._turns.wait()
            if self._queue:
                self._turns.wake()
            events = [event.message for _, events in batch for event in events]
            try:
                self._settle(batch, await self._handle(events))
            except asyncio.CancelledError:
                if not self._is_withdrawn():
                    raise
                self._take_back(batch)
            since_turn += len(events)
            if since_turn >= turn:
                since_turn = 0
                await asyncio.sleep(0)

    def _is_withdrawn(self) -> bool:
        """Whether this task was cancelled for an event that a person has given up, and for nothing else."""
        task = _this_task()
        if task not in self._withdrawn:
            return False
        self._withdrawn.remove(task)
        return not task.uncancel()

    def _take_back(self, batch: Sequence[Run]) -> None:
        """Nothing of a batch is settled but what was given up; that counts as no attempt."""
        for partition, events in batch:
            if self._partitions.get(partition.number) is partition:
                given_up = [event.offset == partition.given_up for event in events]
                partition.settle(given_up)
                if any(given_up):
                    self._tell_given_up(partition.given_up)
                self._log.commit({self._membership.claim(partition.number): partition.position})
                self._offer(partition)

    def _next_batch(self) -> list[Run]:
        """What can be handed over now, the partition that waited longest first."""
        if self._membership.lapsed:
            self._membership.changed()
            return []
        batch: list[Run] = []
        room, now, worker = self._limits.batch, self._now(), _this_task()
        while self._queue and room:
            partition = self._queue.popleft()
            partition.queued = False
            if partition.ready and self._partitions.get(partition.number) is partition:
                events = partition.take(room)
                partition.taken_at, self._workers[partition.number] = now, worker
                batch.append((partition, events))
                room -= len(events)
        return batch

    def _settle(self, batch: Sequence[Run], outcomes: Sequence[NotAcknowledged | None]) -> None:
        """Take what became of each event; commit once for all of them."""
        moves: dict[Claim, Position] = {}
        start, readable = 0, False
        for partition, events in batch:
            told = outcomes[start : start + len(events)]
            start += len(events)
            if self._partitions.get(partition.number) is not partition:
                continue
            if partition.given_up:
                told = [self._failure(partition, *pair) for pair in zip(events, told, strict=True)]
            if partition.settle([outcome is None for outcome in told]):
                self._hold(partition, next(outcome for outcome in told if outcome is not None))
            moves[self._membership.claim(partition.number)] = partition.position
            self._offer(partition)
            readable = readable or partition.readable
        self._log.commit(moves)
        if readable:
            self._feed.look()

    def _failure(
        self, partition: Partition, event: LogEvent, outcome: NotAcknowledged | None
    ) -> NotAcknowledged | None:
        """`outcome`; None where a person has given the event up meanwhile."""
        if outcome is None or event.offset != partition.given_up:
            return outcome
        self._tell_given_up(event.offset)
        return None

    def _hold(self, partition: Partition, error: NotAcknowledged) -> None:
        """Keep the partition back until its first event, which failed, is due again; or skip that event."""
        if isinstance(error, Interrupted):
            partition.held = True
            return
        clock = self._log.clock
        partition.failures += 1
        if partition.failures == 1:
            partition.first_failure = clock.monotonic()
        elapsed = clock.monotonic() - partition.first_failure
        delay = delay_after(self._log.settings.retry, partition.failures, elapsed, self._random)
        if delay is None:
            self._skip(partition, error)
            return
        before = partition.hold or Hold(0, self._log.now(), "")
        hold = Hold(before.attempts + 1, before.since, str(error)[:LONGEST_REASON])
        partition.held, partition.hold = True, hold
        self._tasks.create_task(self._again(partition, delay, hold))

    def _skip(self, partition: Partition, error: NotAcknowledged) -> None:
        attempts, event = partition.failures, partition.skip()
        text = "the event at offset %d is skipped for group '%s' after %d attempts, as `backOff...` says: %s"
        logger.error(text, event.offset, self._group, attempts, error)

    async def _again(self, partition: Partition, delay: float, hold: Hold) -> None:
        await self._log.clock.sleep(delay)
        if partition.hold is not hold:  # a person has ended it
            return
        partition.held = False
        if self._partitions.get(partition.number) is partition:
            self._offer(partition)


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None, "a worker is a task"
    return task


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One exception in place of a group of them."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
