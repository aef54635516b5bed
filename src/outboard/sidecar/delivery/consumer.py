"""One subscription at work: each message is read, delivered, and settled as `decisions` says.

How a message ends (what is not acknowledged is the broker's: where it does not redeliver, the hop is LOST):

    what becomes of it                  with a dead letter topic           without one
    read as Skipped: expired, no route  a copy goes there; acknowledged    acknowledged, DROPPED
    read as Failed: no event, a bad     goes there; acknowledged           not acknowledged
    rule
    the app answers SUCCESS             acknowledged                       acknowledged
    the app answers DROP                goes there; acknowledged           acknowledged, DROPPED
    RETRY, and the policies go on       delivered again                    delivered again
    RETRY, and they are spent           goes there; acknowledged           not acknowledged
    not acknowledged while draining     held, until its consumer is cancelled
    who takes it leaves before it       left to the broker                 left to the broker
    answers (a stream)

A dead letter that cannot be published counts as RETRY after DROP, and as not acknowledged otherwise, so that
no event is lost for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from outboard.clock import Clock
from outboard.hops.journal import GatheredHops, Journal
from outboard.hops.record import HopKind
from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.channel.app import EventChannel
from outboard.sidecar.components.port import Message, NotAcknowledged
from outboard.sidecar.delivery.counting import DeliveryCounts
from outboard.sidecar.delivery.decisions import NotDelivered, Step, last_step
from outboard.sidecar.delivery.drain import DRAIN_LIMIT, Drain
from outboard.sidecar.delivery.inbound import Arrived, Failed, Reader, Skipped
from outboard.sidecar.events.identity import identity_in, position_of
from outboard.sidecar.events.received import Incoming
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.publishing.pubsubs import (
    LoadedPubSub,
    PublishNotAllowed,
    PubSubPublisher,
    PubSubUnknown,
)
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure
from outboard.sidecar.subscriptions.routes import Routes
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.delivery import is_told
from outboard.wire.subscriptions import Subscription

__all__ = ["Consumer", "DeliveryContext"]

DEAD_LETTER_TIMEOUT: Final = 30.0
SUCCESS: Final = DeliveryStatus.SUCCESS
PART_OF_GRACE: Final = 0.8
"""Of the time that a sidecar has for its end, what attempts have: the rest is for its components."""
WAITS: Final = "it is tried again without end, and what lies behind it on its partition waits"
HOLDS: Final = "it is tried again without end, and its partition is committed up to it only"
LEFT: Final = "the app never gets it"
BY_HAND: Final = (
    ". Or pass it over: with pubsub.sqlite `outboard topics held` shows it, with `outboard topics skip` and "
    "`outboard topics dead-letter`"
)
Delivered: TypeAlias = tuple[Arrived, Incoming, str, Answer, int, float, float]
"""What was delivered well, its name, the answer, the attempt, what it took, and when it ended (monotonic)."""
LATE: Final = Answer(DeliveryStatus.RETRY, "context deadline exceeded")


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What every subscription of one sidecar shares.

    At its end what is being handled is waited for, `drain_seconds` of real time at most. The sidecar itself
    is ended after `grace` seconds; None is never.
    """

    channel: EventChannel
    publisher: PubSubPublisher
    journal: Journal
    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    log: SidecarLog
    drain: Drain
    drain_seconds: float = DRAIN_LIMIT
    grace: float | None = None
    meters: Meters | None = None


@dataclass(frozen=True, slots=True)
class Consumer:
    """Handles the messages of one subscription; called by its component for each."""

    subscription: Subscription
    routes: Routes
    pubsub: LoadedPubSub
    shared: DeliveryContext
    counts: DeliveryCounts | None = field(init=False, repr=False)
    """None where nothing is counted."""
    _reader: Reader = field(init=False, repr=False)
    _succeeded: GatheredHops[Delivered] = field(init=False, repr=False)
    _told_unrouted: asyncio.Event = field(init=False, repr=False, default_factory=asyncio.Event)
    _told_failed: asyncio.Event = field(init=False, repr=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        there = self.pubsub.access.on_broker(self.subscription.topic)
        reader = Reader(self.subscription, self.routes, self.shared.new_id, there)
        object.__setattr__(self, "_reader", reader)
        meters, topic = self.shared.meters, self.subscription.topic
        counts = None if meters is None else DeliveryCounts(meters, self.pubsub.name, topic)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "_succeeded", self.shared.journal.gathering(self._write_chosen))

    async def __call__(self, message: Message) -> None:
        """Return when `message` is settled. Raises NotAcknowledged."""
        arrived = Arrived(message, self.pubsub.name)
        async with self.shared.drain:
            try:
                await self.handle(arrived)
            except asyncio.CancelledError:
                if self.shared.drain.abandoned:
                    self._tell_abandoned(arrived)
                raise

    async def handle(self, arrived: Arrived) -> None:
        """Raises NotAcknowledged."""
        read = self.read(arrived)
        if isinstance(read, Incoming):
            await self._deliver(arrived, read)
        elif isinstance(read, Skipped):
            if self.counts is not None:
                self.counts.skipped(read)
            await self.skip(arrived, read)
        else:
            await self._counted(self.fail(arrived, read))

    def _tell_abandoned(self, arrived: Arrived) -> None:
        """Whoever was to handle it has left before an answer."""
        redelivers, topic = self.pubsub.component.traits.redelivers, self.subscription.topic
        event = self._reader.identity_of(arrived.message).event_id
        becomes = "the broker keeps it" if redelivers else "it is lost"
        text = "event %s on topic %s was not handled: stream closed; %s"
        self.shared.log.warning(text, event, topic, becomes)
        if not redelivers:
            self.journal(HopKind.LOST, arrived, detail="stream closed")

    async def _counted(self, ending: Awaitable[None]) -> None:
        """Settle without a further delivery. Raises NotAcknowledged."""
        counts = None if self.shared.drain.closed else self.counts
        await (ending if counts is None else counts.ended(ending))

    @property
    def recording(self) -> bool:
        """Whether each delivery is to be told of; else only those that did not succeed."""
        return self.shared.journal.recorder is not None

    def read(self, arrived: Arrived) -> Incoming | Skipped | Failed:
        return self._reader.read(arrived, self.shared.clock.now)

    async def skip(self, arrived: Arrived, skipped: Skipped) -> None:
        """Acknowledge without delivery; a copy goes to the dead letter topic, if that can be done."""
        self._tell_skipped(skipped)
        if not self.subscription.dead_letter_topic or not await self.dead_letter(arrived, skipped.reason):
            self.journal(HopKind.DROPPED, arrived, detail=skipped.reason)

    def _tell_skipped(self, skipped: Skipped) -> None:
        """Of events without a route only the first at a level that is seen: there may be thousands."""
        log = self.shared.log
        if not skipped.unrouted:
            log.warning("%s", skipped.reason)
        elif self._told_unrouted.is_set():
            log.debug("%s", skipped.reason)
        else:
            self._told_unrouted.set()
            log.warning("%s. %s", skipped.reason, self._unrouted())

    def _unrouted(self) -> str:
        rules = "; ".join(f"`{rule.match}`" for rule, _ in self.routes.rules)
        return (
            f"None of the rules matches ({rules}), and there is no default route. "
            "This is said once for each subscription: of further events at level debug"
        )

    async def fail(self, arrived: Arrived, failed: Failed) -> None:
        """To the dead letter topic, or else back to the broker. Raises NotAcknowledged."""
        self.shared.log.error(failed.reason)
        if self.subscription.dead_letter_topic:
            if await self.dead_letter(arrived, failed.reason):
                return
        elif not self._told_failed.is_set():
            self._told_failed.set()
            self.shared.log.warning("%s", self._what_to_do(failed))
        self.refuse(arrived, failed.error)

    def _what_to_do(self, failed: Failed) -> str:
        """About what never gets to the app, and to no dead letter topic either."""
        redelivers = self.pubsub.component.traits.redelivers
        becomes = (HOLDS if self.subscription.bulk.enabled else WAITS) if redelivers else LEFT
        return (
            f"topic {self.subscription.topic} of pubsub {self.pubsub.name} has what cannot be delivered to "
            f"this subscription, and the sidecar knows of no dead letter topic: {becomes}. {failed.advice}. "
            "Or set its `deadLetterTopic` (in the kit `announce_dead_letter=True`)"
            f"{BY_HAND if redelivers else ''}. This is said once for each subscription"
        )

    async def give_up(self, arrived: Arrived, detail: str) -> None:
        """Settle what the policies do not let be delivered (any more). Raises NotAcknowledged."""
        if self.shared.drain.closed:
            raise NotAcknowledged(detail)  # held by the caller: stopping is no reason to dead-letter
        if not self.subscription.dead_letter_topic or not await self.dead_letter(arrived, detail):
            self.refuse(arrived, detail)

    async def accept(self, arrived: Arrived, answer: Answer) -> bool:
        """Settle what the app answered to with SUCCESS or DROP. False if a dead letter was not published."""
        if answer.outcome is DeliveryStatus.SUCCESS:
            return True
        if last_step(answer, bool(self.subscription.dead_letter_topic)) is Step.DEAD_LETTER:
            return await self.dead_letter(arrived, answer.detail)
        if answer.outcome is DeliveryStatus.DROP:
            self.journal(HopKind.DROPPED, arrived, detail=answer.detail)
        return True

    async def _deliver(self, arrived: Arrived, incoming: Incoming) -> None:
        number, started = 0, 0.0
        event_id, monotonic = str(incoming.event.get("id", "")), self.shared.clock.monotonic

        async def attempt() -> None:
            nonlocal number, started
            number, started = number + 1, monotonic()
            answer = await self.shared.channel.deliver(incoming, arrived.metadata)
            took = monotonic() - started
            if self.counts is not None:
                self.counts.answered(answer, took)
            self.tell(arrived, incoming, event_id, answer, number, took)
            if answer.outcome is DeliveryStatus.RETRY:
                raise NotDelivered(answer.detail, answer.code)
            if not await self.accept(arrived, answer):
                raise NotDelivered(f"{answer.detail}; its dead letter was not published")

        def late() -> None:
            took = monotonic() - started
            if self.counts is not None:
                self.counts.answered(LATE, took)
            self.tell(arrived, incoming, event_id, LATE, number, took)

        async def pause(seconds: float) -> None:
            self.tell_retry(arrived, incoming, number, seconds)
            await self.pause(seconds)

        try:
            await self.pubsub.inbound.run(attempt, late, pause)
        except Failure as failure:
            if isinstance(failure, CircuitOpen):
                self.log_undelivered(event_id, failure)
            await self._counted(self.give_up(arrived, str(failure)))

    async def pause(self, seconds: float) -> None:
        """Wait for the next attempt. Raises NotAcknowledged where the sidecar ends before it.

        A component that remembers what is settled shall hear of it before there is no time left.
        """
        shared = self.shared
        if shared.grace is not None and self.pubsub.component.traits.remembers_settled:
            await shared.drain.pause_within(shared.clock, seconds, shared.grace * PART_OF_GRACE)
        else:
            await shared.drain.pause(shared.clock, seconds)

    def log_undelivered(self, event_id: str, reason: CircuitOpen) -> None:
        text = "event %s on topic %s was not delivered to the app: %s"
        self.shared.log.error(text, event_id, self.subscription.topic, reason)

    def refuse(self, arrived: Arrived, detail: str) -> None:
        """Raises NotAcknowledged."""
        if not self.shared.drain.closed and not self.pubsub.component.traits.redelivers:
            self.journal(HopKind.LOST, arrived, detail=detail)
        raise NotAcknowledged(detail)

    async def dead_letter(self, arrived: Arrived, reason: str) -> bool:
        """Publish the message to the dead letter topic: whether that worked."""
        topic, message = self.subscription.dead_letter_topic, arrived.message
        copy = Message(message.data, arrived.metadata, message.content_type)
        try:
            async with asyncio.timeout(DEAD_LETTER_TIMEOUT):
                known_as = self._reader.identity_of(message) if self.recording else None
                await self.shared.publisher.dead_letter(self.pubsub.name, topic, copy, reason, known_as)
        except (Failure, PublishNotAllowed, PubSubUnknown, TimeoutError) as error:
            failure = str(error) or "context deadline exceeded"
        else:
            return True
        text = "error sending message to dead letter, origin topic: %s dead letter topic %s err: %s"
        self.shared.log.error(text, self.subscription.topic, topic, failure)
        return False

    def tell(
        self, arrived: Arrived, incoming: Incoming, name: str, answer: Answer, attempt: int, duration: float
    ) -> None:
        """Log and record one delivery of an event, which the log calls `name`; it took `duration` seconds."""
        success = answer.outcome is DeliveryStatus.SUCCESS
        if self.recording:
            if success:
                ended = self.shared.journal.monotonic()
                self._succeeded.add((arrived, incoming, name, answer, attempt, duration, ended))
            else:
                self.shared.journal.flush()  # of one event what came first stands first
                self.write_delivery(arrived, incoming, answer, attempt, duration)
        if success:
            return
        doing = "dropped" if answer.outcome is DeliveryStatus.DROP else "not handled"
        text = "event %s on topic %s was %s by the app: %s"
        level = logging.WARNING if is_told(attempt) else logging.DEBUG
        self.shared.log.log(level, text, name, self.subscription.topic, doing, answer.detail)

    def _write_chosen(self, succeeded: Sequence[Delivered]) -> None:
        """Record those that are kept."""
        names, latest = [each[2] for each in succeeded], max(each[4] for each in succeeded)
        for position in self.chosen(names, latest):
            arrived, incoming, _, answer, attempt, duration, ended = succeeded[position]
            self.write_delivery(arrived, incoming, answer, attempt, duration, ended)

    def write_delivery(
        self, arrived: Arrived, incoming: Incoming, answer: Answer, attempt: int, duration: float,
        ended: float | None = None,
    ) -> None:  # fmt: skip
        """Record it, as of now or as of when it `ended`, by the monotonic clock."""
        message, topic = arrived.message, self.subscription.topic
        partition, offset = position_of(message)
        self.shared.journal(
            HopKind.DELIVERED, self.pubsub.name, topic, identity_in(incoming.event, message.metadata),
            message.data, attempt=attempt, outcome=answer.outcome, detail=answer.detail, duration=duration,
            partition=partition, offset=offset, ended=ended,
        )  # fmt: skip

    def chosen(self, names: Sequence[str], attempt: int) -> Sequence[int]:
        """Of which of these events, that the app has handled, it is to be recorded: their positions."""
        recorder, topic = self.shared.journal.recorder, self.subscription.topic
        if recorder is None:
            return ()
        return recorder.chosen(HopKind.DELIVERED, self.pubsub.name, topic, names, attempt, SUCCESS)

    def tell_retry(self, arrived: Arrived, incoming: Incoming, attempt: int, seconds: float) -> None:
        """Record that the next attempt comes after `seconds`."""
        if self.recording:
            message, topic = arrived.message, self.subscription.topic
            event, detail = identity_in(incoming.event, message.metadata), f"after {seconds:g} s"
            self.shared.journal(
                HopKind.RETRIED, self.pubsub.name, topic, event, message.data, attempt=attempt, detail=detail
            )

    def journal(self, kind: HopKind, arrived: Arrived, detail: str) -> None:
        """Record the end of what is not delivered."""
        if self.recording:
            event, data = self._reader.identity_of(arrived.message), arrived.message.data
            self.shared.journal(kind, self.pubsub.name, self.subscription.topic, event, data, detail=detail)
