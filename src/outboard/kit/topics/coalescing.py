"""Events of one topic leave at once, or together: those that come during a request share the next one.

The first event is a plain publish. Never are two events of one key in flight in different requests; in one
request they are only where the sidecar says that it keeps their order there.

An event is in one of these states:

    state      is held by           goes on
    entering   Admission            when there is room for it: it is written, and waits
    waiting    PublishQueue         when it is its turn, and nothing of its key is in flight: a task takes it
    in flight  the batch of a task  when the attempt ends: settled; if nobody took it, waiting, in front
    settled    nobody               its publisher has its answer: `future` is done

From each of the first three it is settled too when its publisher is cancelled, its time is up or the
connection closes; what was in flight may then be published all the same. A task begins with the first event
that waits, a second one beside it where that is worth a request, and each ends when nothing may leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from outboard.clock import Clock
from outboard.hops.journal import Journal
from outboard.hops.record import HopKind, Recorder
from outboard.kit.client.port import Publication, PublishOperations, PublishResult
from outboard.kit.client.retrying import is_untaken, retry_delay
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.topics.admission import Admission, CallLater, Deadlines
from outboard.kit.topics.queue import PendingEvent, PublishLimits, PublishQueue
from outboard.kit.unavailable import unavailable
from outboard.wire.http import ExchangeFailed

__all__ = ["CoalescingPublisher", "PublishContext"]

SHORTEST: Final = 0.001
TIME_UP: Final = "the time was up"
QUEUED: Final = "it waited behind other events until its time was up, and was not sent"
CLOSED: Final = "the board was disconnected before there was an answer"


@dataclass(frozen=True, slots=True)
class PublishContext:
    """What all publishers of one connection share. `address` is that of the sidecar, for messages."""

    sidecar: PublishOperations
    address: str
    limits: PublishLimits
    clock: Clock
    random: Callable[[], float]
    loop: asyncio.AbstractEventLoop
    call_later: CallLater
    context: Context
    telemetry: Messaging
    journal: Journal


class CoalescingPublisher:
    """Publishes to one topic of one component. Its tasks live while something is to be sent.

    `on_idle` is called when nothing is left, and it may be let go of. `_reached` is False once an attempt has
    found nobody: what waits behind it is then told so, and not that the sidecar is silent.
    """

    def __init__(self, pubsub: str, topic: str, context: PublishContext, on_idle: Callable[[], None]) -> None:
        self._on_idle = on_idle
        self._operation = f"publishing to topic '{topic}' of '{pubsub}'"
        self._target = pubsub, topic
        self._context = context
        self._limits = context.limits
        self._clock = context.clock
        self._queue = PublishQueue()
        self._admission = Admission(self._has_room)
        self._deadlines = Deadlines(context.clock, context.call_later, self._expire)
        self._open: set[PendingEvent] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._largest = 0
        self._ordered = False
        self._reached = True

    async def publish(self, write: Callable[[], Publication], timeout: float) -> bool:
        """Return once the broker has the event: whether that is to be recorded.

        `write` makes it, as soon as there is room for it.
        Whoever is cancelled before the event has left has not published it. Raises as
        `PublishOperations.publish` within `timeout` seconds, and what `write` raises.
        """
        now = self._clock.monotonic()
        event = PendingEvent(now, timeout, self._context.loop.create_future())
        self._open.add(event)
        self._deadlines.watch(event.deadline, now)
        try:
            if self._admission.is_open:
                self._admit(event, write())
            else:
                await self._admission.enter(event)
                try:
                    self._admit(event, write())
                finally:
                    self._admission.admit_next()
            return await event.future
        finally:
            self._open.discard(event)
            if event.waits:  # it was cancelled before it left: its room is free again
                self._queue.forget(event)
                self._admission.admit_next()

    async def close(self, seconds: float) -> None:
        """Send what waits, for at most `seconds`, then fail the rest with SidecarUnavailable.

        What is in flight is waited for only where somebody still waits for an answer.
        """
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._tasks and any(not event.future.cancelled() for event in self._open):
                        await asyncio.wait(tuple(self._tasks))
        finally:
            self._deadlines.stop()
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            for event in tuple(self._open):
                self._fail(event, ExchangeFailed(CLOSED, sent=event.sent and event.failure is None))
            await asyncio.gather(*tasks, return_exceptions=True)

    def _admit(self, event: PendingEvent, publication: Publication) -> None:
        event.load(publication)
        if event.size > self._largest:
            self._largest = event.size
        self._queue.add(event)
        if not self._tasks:
            self._start(self._take())
        elif len(self._tasks) < self._limits.requests and self._is_worth_another_request():
            self._start(())

    def _is_worth_another_request(self) -> bool:
        """Beside one under way only what is more than what that carries, or all that a request may: small
        requests in turn with large ones would cost the large ones their size.
        """
        return self._queue.ready > min(self._in_flight, self._limits.batch_events - 1)

    def _has_room(self, coming: int) -> bool:
        """Those that are coming are taken to be as large as the largest so far."""
        limits, queue = self._limits, self._queue
        return (
            queue.events + coming < limits.waiting_events
            and queue.bytes + coming * self._largest < limits.waiting_bytes
        )

    def _start(self, batch: Sequence[PendingEvent]) -> None:
        """Begin a task; without a batch it takes one at its first turn, when more may have come."""
        loop, context = self._context.loop, self._context.context
        task = loop.create_task(self._work(batch), context=context.copy())
        if not task.done():  # it may be, on a loop that begins tasks eagerly
            self._tasks.add(task)

    async def _work(self, batch: Sequence[PendingEvent]) -> None:
        failures = 0
        try:
            while batch or (batch := self._take()):
                if again := await self._send(batch):
                    failures += 1
                    self._in_flight -= len(batch)
                    await self._wait_before(again, failures)
                    self._queue.release(batch, again)
                else:
                    failures = 0
                    self._queue.release(batch)
                    # Those who have their answer now may publish again, and then leave together. Until then
                    # the batch counts as in flight, or the first of them would begin a request of its own.
                    await asyncio.sleep(0)
                    self._in_flight -= len(batch)
                batch = ()
                if self._in_flight and not self._is_worth_another_request():
                    break  # the other task takes what is left, and more with it
        finally:
            self._end()

    def _end(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.discard(task)
        if self._tasks:
            return  # the last one tidies up
        self._ordered = False  # nobody knows who will be listening next time
        if not self._open:  # a publisher may still be entering, or hear of its answer only at its next turn
            self._deadlines.stop()
            self._on_idle()

    def _take(self) -> Sequence[PendingEvent]:
        limits = self._limits
        batch = self._queue.take(limits.batch_events, limits.batch_bytes, ordered=self._ordered)
        self._in_flight += len(batch)
        if self._admission.waiting:
            self._admission.admit_next()
        return batch

    async def _send(self, batch: Sequence[PendingEvent]) -> Sequence[PendingEvent]:
        """One attempt; returns what nobody has taken, and may be sent again."""
        left = max(event.deadline for event in batch) - self._clock.monotonic()
        publications = [event.publication for event in batch]
        sending = self._context.telemetry.sending(*self._target, publications)
        try:
            answer = await self._context.sidecar.attempt(publications, max(left, SHORTEST))
        except BaseException as error:
            sending.answered([error] * len(batch))
            if not isinstance(error, Exception):
                raise
            for event in batch:  # no exception is expected, but nobody may be left waiting
                event.settle(error)
            self._ordered = False
            return ()
        sending.answered(answer.outcomes)
        if (recorder := self._context.journal.recorder) is not None:
            self._choose(recorder, batch, answer.outcomes)
        self._ordered = answer.ordered
        self._reached = True
        again: list[PendingEvent] = []
        for event, outcome in zip(batch, answer.outcomes, strict=True):
            if not isinstance(outcome, ExchangeFailed):
                event.settle(outcome)
                continue
            event.failure = outcome
            self._reached = self._reached and outcome.sent
            if is_untaken(outcome, repeatable=True):
                again.append(event)
            else:
                self._fail(event, outcome)
        return again

    def _choose(
        self, recorder: Recorder, batch: Sequence[PendingEvent], outcomes: Sequence[PublishResult]
    ) -> None:
        """Of those that the broker has, mark which are to be recorded: asked for all at once, as it costs."""
        taken = batch
        if any(outcomes):
            taken = [event for event, outcome in zip(batch, outcomes, strict=True) if outcome is None]
        names = [event.publication.event_id for event in taken]
        for position in recorder.chosen(HopKind.PUBLISHED, *self._target, names):
            taken[position].recorded = True

    async def _wait_before(self, again: Sequence[PendingEvent], failures: int) -> None:
        """Back off; who has no time for another attempt learns so at once."""
        delay = retry_delay(failures, self._context.random())
        then = self._clock.monotonic() + delay
        for event in again:
            if then >= event.deadline:
                self._fail(event, event.failure or ExchangeFailed(TIME_UP))
        if not all(event.future.done() for event in again):
            await self._clock.sleep(delay)

    def _expire(self, now: float) -> float | None:
        """Fail those whose time is up; return the next deadline."""
        following: float | None = None
        for event in self._open:
            if event.future.done():
                continue
            if event.deadline <= now:
                self._fail(event, event.failure or self._late(event))
            elif following is None or event.deadline < following:
                following = event.deadline
        return following

    def _late(self, event: PendingEvent) -> ExchangeFailed:
        return ExchangeFailed(TIME_UP) if event.sent else ExchangeFailed(QUEUED, sent=self._reached)

    def _fail(self, event: PendingEvent, failure: ExchangeFailed) -> None:
        waited = self._clock.monotonic() - event.started
        event.settle(unavailable(self._context.address, self._operation, waited, failure))
