"""Bulk subscriptions: a batch of messages delivered in one request for each path, and settled one by one.

Source: Dapr, "Publish and subscribe to bulk messages"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.channel.batch import Batch, BatchedEvent
from outboard.sidecar.components.port import (
    BulkBounds,
    Interrupted,
    Message,
    NotAcknowledged,
    PubSub,
)
from outboard.sidecar.delivery.consumer import LATE, Consumer
from outboard.sidecar.delivery.counting import BatchTally
from outboard.sidecar.delivery.decisions import NotDelivered
from outboard.sidecar.delivery.inbound import Arrived, Failed, Skipped
from outboard.sidecar.events import envelope
from outboard.sidecar.events.identity import OFFSET, PARTITION, TOPIC, place_of
from outboard.sidecar.events.received import Incoming
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.subscriptions import BulkSubscribe

__all__ = ["BatchConsumer", "BatchEntry", "NativeBatches", "bounds_of"]

TURN: Final = 256  # entries that are read before the loop gets a turn


def bounds_of(bulk: BulkSubscribe, component: PubSub) -> BulkBounds:
    """What a subscription asks for; what it leaves open (0 or less) is as daprd has it with `component`."""
    count, seconds = bulk.max_messages_count, bulk.max_await_duration_ms / 1000
    default = component.traits.bulk_bounds
    return BulkBounds(
        count if count > 0 else default.max_messages, seconds if seconds > 0 else default.max_await
    )


class BatchEntry:
    """One message of a batch. Once `settled`, `outcome` is None, or what its broker is to be told.

    `refusal` says why the app did not take it at the last attempt.
    """

    __slots__ = ("arrived", "entry_id", "incoming", "outcome", "refusal", "settled")

    def __init__(self, arrived: Arrived, entry_id: str) -> None:
        self.arrived = arrived
        self.entry_id = entry_id
        self.incoming: Incoming | None = None
        self.refusal = ""
        self.settled = False
        self.outcome: NotAcknowledged | None = None

    @property
    def name(self) -> str:
        """What the log calls it: as its event is called, which is not how the request calls its entry."""
        known = "" if self.incoming is None else self.incoming.event.get("id", "")
        return str(known or self.entry_id)

    def settle(self, outcome: NotAcknowledged | None = None) -> None:
        """The first outcome counts."""
        if not self.settled:
            self.settled, self.outcome = True, outcome


class NativeBatches:
    """The handler of a component that hands over batches by itself."""

    def __init__(self, single: Consumer) -> None:
        self._single = single
        self._batches = BatchConsumer(single)
        self._traits = single.pubsub.component.traits

    async def __call__(self, messages: Sequence[Message]) -> Sequence[NotAcknowledged | None]:
        """Return when all `messages` are settled. Unless they are to be unique, the ids of the entries are
        their numbers, as with Kafka.
        """
        drain, pubsub = self._single.shared.drain, self._single.pubsub.name
        new_id, unique = self._single.shared.new_id, self._traits.unique_entry_ids
        async with drain:
            entries = [
                BatchEntry(Arrived(message, pubsub), new_id() if unique else str(number))
                for number, message in enumerate(messages)
            ]
            await self._batches.deliver(entries)
        outcomes = [entry.outcome for entry in entries]
        if drain.closed and any(outcomes):
            if not self._traits.remembers_settled:
                await drain.hold_if_closed()
            return [None if outcome is None else Interrupted(*outcome.args) for outcome in outcomes]
        return outcomes


class BatchConsumer:
    """Delivers the batches of one subscription. Reading and settling are those of `single`."""

    def __init__(self, single: Consumer) -> None:
        self._single = single
        self._raw = _is_raw(single.subscription.metadata)
        self._topic_there = single.pubsub.access.on_broker(single.subscription.topic)

    async def deliver(self, entries: Sequence[BatchEntry]) -> None:
        """Return when all `entries` are settled."""
        tally = None if self._single.counts is None else BatchTally()
        await self._deliver_all(entries, tally)
        if tally is not None and self._single.counts is not None:
            self._single.counts.batch(tally)

    async def _deliver_all(self, entries: Sequence[BatchEntry], tally: BatchTally | None) -> None:
        by_path: dict[str, list[BatchEntry]] = {}
        read_one = self._single.read
        for number, entry in enumerate(entries, 1):
            read = read_one(entry.arrived)
            if isinstance(read, Incoming):
                entry.incoming = self._as_sent(read) if self._raw else read
                by_path.setdefault(read.path, []).append(entry)
            else:
                await self._not_delivered(entry, read, tally)
            if number % TURN == 0:
                await asyncio.sleep(0)
        if len(by_path) == 1:
            (alone,) = by_path.items()
            await self._deliver_to(*alone, tally)
        else:
            await asyncio.gather(*(self._deliver_to(path, each, tally) for path, each in by_path.items()))

    async def _not_delivered(
        self, entry: BatchEntry, read: Skipped | Failed, tally: BatchTally | None
    ) -> None:
        try:
            if isinstance(read, Skipped):
                await self._single.skip(entry.arrived, read)
            else:
                await self._single.fail(entry.arrived, read)
        except NotAcknowledged as error:
            entry.settle(error)
        else:
            entry.settle()
            if tally is not None:
                tally.dropped()

    @staticmethod
    def _as_sent(incoming: Incoming) -> Incoming:
        """Of raw payloads daprd sends the base64 text itself, not a made-up CloudEvent."""
        text = f'"{incoming.event["data_base64"]}"'.encode()
        return incoming._replace(data=text)

    async def _deliver_to(self, path: str, entries: Sequence[BatchEntry], tally: BatchTally | None) -> None:
        rest, number, started = entries, 0, 0.0
        single, monotonic = self._single, self._single.shared.clock.monotonic

        async def attempt() -> None:
            nonlocal rest, number, started
            number, started = number + 1, monotonic()
            answers = await self._send(path, rest)
            took = monotonic() - started
            if tally is not None:
                tally.answered(answers.values(), took)
            self._settle_handled(rest, answers, number, took)
            for entry in rest:
                if not entry.settled:
                    self._tell(entry, answers[entry.entry_id], number, took)
                    await self._take(entry, answers[entry.entry_id])
            rest = [entry for entry in rest if not entry.settled]
            if rest:  # without a status: `matching` is about the answers to single events
                raise NotDelivered("few message(s) have failed during bulk subscribe operation")

        def timed_out() -> None:
            if tally is not None:
                tally.answered([LATE] * len(rest), monotonic() - started)
            for entry in rest:
                self._tell(entry, LATE, number, monotonic() - started)

        async def pause(seconds: float) -> None:
            for entry in rest:
                if entry.incoming is not None:
                    single.tell_retry(entry.arrived, entry.incoming, number, seconds)
            await single.pause(seconds)

        try:
            await single.pubsub.inbound.run(attempt, timed_out, pause)
        except NotAcknowledged as ended:
            for entry in rest:
                entry.settle(ended)
        except Failure as failure:
            for entry in rest:
                await self._give_up(entry, failure, tally)

    async def _send(self, path: str, entries: Sequence[BatchEntry]) -> Mapping[str, Answer]:
        single = self._single
        batch = [
            BatchedEvent(
                entry.entry_id,
                entry.incoming,
                self._metadata(entry.arrived.message),
                entry.arrived.message.content_type or "",
            )
            for entry in entries
            if entry.incoming is not None
        ]
        subscription = single.subscription
        return await single.shared.channel.deliver_bulk(
            Batch(
                single.shared.new_id(), path, subscription.pubsub_name, subscription.topic, batch, self._raw
            )
        )

    def _metadata(self, message: Message) -> Mapping[str, str]:
        """Of a raw payload with its place, as Kafka tells it: the app has nothing else to know it by."""
        partition, offset = place_of(message)
        if not self._raw or not offset or OFFSET in message.metadata:
            return message.metadata
        return {**message.metadata, TOPIC: self._topic_there, PARTITION: partition, OFFSET: offset}

    def _settle_handled(
        self, entries: Sequence[BatchEntry], answers: Mapping[str, Answer], number: int, took: float
    ) -> None:
        """Those that the app has handled."""
        handled = [entry for entry in entries if answers[entry.entry_id].outcome is DeliveryStatus.SUCCESS]
        for entry in handled:
            entry.settle()
        if self._single.recording and handled:
            self._single.shared.journal.afterwards(self._record, handled, answers, number, took)

    def _record(
        self, handled: Sequence[BatchEntry], answers: Mapping[str, Answer], number: int, took: float
    ) -> None:
        """Where there are too many, some of them."""
        read = [entry.incoming for entry in handled]
        names = ["" if each is None else str(each.event.get("id", "")) for each in read]
        for position in self._single.chosen(names, number):
            entry = handled[position]
            if entry.incoming is not None:
                answer = answers[entry.entry_id]
                self._single.write_delivery(entry.arrived, entry.incoming, answer, number, took)

    async def _take(self, entry: BatchEntry, answer: Answer) -> None:
        """Settle an entry that the app dropped; not one that it wants again."""
        if answer.outcome is DeliveryStatus.RETRY:
            entry.refusal = answer.detail
        else:
            await self._single.accept(entry.arrived, answer)
            entry.settle()

    def _tell(self, entry: BatchEntry, answer: Answer, number: int, duration: float) -> None:
        if entry.incoming is not None:  # which it is of each that was sent
            self._single.tell(entry.arrived, entry.incoming, entry.name, answer, number, duration)

    async def _give_up(self, entry: BatchEntry, failure: Failure, tally: BatchTally | None) -> None:
        single = self._single
        if isinstance(failure, CircuitOpen):
            single.log_undelivered(entry.name, failure)
        try:
            await single.give_up(entry.arrived, entry.refusal or str(failure))
        except NotAcknowledged as error:
            entry.settle(error)
        else:
            entry.settle()
            if tally is not None:
                tally.dead_lettered()


def _is_raw(metadata: Mapping[str, str]) -> bool:
    try:
        return envelope.is_raw_payload(metadata)
    except ValueError:
        return False  # no message of such a subscription is ever read
