"""Bulk subscriptions: messages of one topic gathered, delivered in one request, and settled one by one.

Source: Dapr, "Publish and subscribe to bulk messages"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from outboard.sidecar.channel.app_channel import BulkEntry
from outboard.sidecar.components.port import Message, NotAcknowledged
from outboard.sidecar.delivery.consumer import LATE, Consumer
from outboard.sidecar.delivery.decisions import Answer, NotDelivered
from outboard.sidecar.delivery.inbound import Arrived, Failed, Incoming, Skipped, arrive
from outboard.sidecar.events import envelope
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure
from outboard.wire.dapr import DeliveryStatus

__all__ = ["BulkConsumer"]

DEFAULT_COUNT: Final = 100
DEFAULT_AWAIT: Final = 1.0


@dataclass(eq=False)
class _Entry:
    """One message of a batch. `settled` gets None, or the NotAcknowledged that its broker is to be told.

    `refusal` says why the app did not take it at the last attempt.
    """

    arrived: Arrived
    entry_id: str
    settled: asyncio.Future[None] = field(repr=False)
    incoming: Incoming | None = None
    refusal: str = ""

    def settle(self, error: NotAcknowledged | None = None) -> None:
        if self.settled.done():
            return
        if error is None:
            self.settled.set_result(None)
        else:
            self.settled.set_exception(error)


class BulkConsumer:
    """Called for each message; delivers when enough have come, or the first has waited long enough."""

    def __init__(self, single: Consumer) -> None:
        bulk = single.subscription.bulk
        self._single = single
        self._count = bulk.max_messages_count or DEFAULT_COUNT
        self._await = bulk.max_await_duration_ms / 1000 or DEFAULT_AWAIT
        self._pending: list[_Entry] = []
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        """Return when `message` is settled. Raises NotAcknowledged."""
        drain = self._single.shared.drain
        if drain.closed:
            await drain.hold()
        try:
            with drain:
                await self._enter(message)
        except NotAcknowledged:
            if drain.closed:
                await drain.hold()
            raise

    @asynccontextmanager
    async def gathering(self) -> AsyncIterator[None]:
        """Deliver batches while the block runs."""
        task = asyncio.create_task(self._gather_forever())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _enter(self, message: Message) -> None:
        arrived = arrive(message, self._single.pubsub.name)
        settled = asyncio.get_running_loop().create_future()
        self._pending.append(_Entry(arrived, self._single.shared.new_id(), settled))
        self._arrived.set()
        if len(self._pending) >= self._count:
            self._full.set()
        await settled

    async def _gather_forever(self) -> None:
        deliveries: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._arrived.wait()
                await self._fill()
                batch, self._pending = self._pending[: self._count], self._pending[self._count :]
                if not self._pending:
                    self._arrived.clear()
                task = asyncio.create_task(self._deliver(batch))
                deliveries.add(task)
                task.add_done_callback(deliveries.discard)
        finally:
            for task in deliveries:
                task.cancel()

    async def _fill(self) -> None:
        """Return when the pending batch is full, or its time is up."""
        self._full.clear()
        if len(self._pending) >= self._count:
            return
        sleep = asyncio.ensure_future(self._single.shared.clock.sleep(self._await))
        full = asyncio.ensure_future(self._full.wait())
        try:
            await asyncio.wait((sleep, full), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            full.cancel()

    async def _deliver(self, batch: Sequence[_Entry]) -> None:
        by_path: dict[str, list[_Entry]] = {}
        for entry in batch:
            if await self._read(entry) and entry.incoming is not None:
                by_path.setdefault(entry.incoming.path, []).append(entry)
        await asyncio.gather(*(self._deliver_to(path, entries) for path, entries in by_path.items()))

    async def _read(self, entry: _Entry) -> bool:
        """Whether the entry is to be delivered; else it is settled."""
        read = self._single.read(entry.arrived)
        if isinstance(read, Incoming):
            entry.incoming = self._as_sent(read, entry.arrived)
            return True
        try:
            if isinstance(read, Skipped):
                await self._single.skip(entry.arrived, read)
            elif isinstance(read, Failed):
                await self._single.fail(entry.arrived, read)
        except NotAcknowledged as error:
            entry.settle(error)
        else:
            entry.settle()
        return False

    def _as_sent(self, incoming: Incoming, arrived: Arrived) -> Incoming:
        if not self._raw:
            return incoming
        # Of raw payloads daprd sends the base64 text itself, not a made-up CloudEvent.
        text = f'"{incoming.event["data_base64"]}"'.encode()
        return Incoming(incoming.event, text, incoming.path)

    @property
    def _raw(self) -> bool:
        return envelope.is_raw_payload(self._single.subscription.metadata)

    async def _deliver_to(self, path: str, entries: Sequence[_Entry]) -> None:
        rest, number = entries, 0

        async def attempt() -> None:
            nonlocal rest, number
            number += 1
            answers = await self._send(path, rest)
            for entry in rest:
                await self._take(entry, answers[entry.entry_id], number)
            rest = [entry for entry in rest if not entry.settled.done()]
            if rest:  # without a status: `matching` is about the answers to single events
                raise NotDelivered("few message(s) have failed during bulk subscribe operation")

        def timed_out() -> None:
            for entry in rest:
                self._single.tell(entry.arrived, entry.entry_id, LATE, number)

        try:
            await self._single.pubsub.inbound.run(attempt, timed_out)
        except Failure as failure:
            for entry in rest:
                await self._give_up(entry, failure)

    async def _send(self, path: str, entries: Sequence[_Entry]) -> dict[str, Answer]:
        single = self._single
        default = envelope.OCTET_STREAM if self._raw else envelope.CLOUD_EVENT
        batch = [
            BulkEntry(
                entry.entry_id,
                entry.incoming,
                entry.arrived.message.metadata,
                entry.arrived.message.content_type or default,
            )
            for entry in entries
            if entry.incoming is not None
        ]
        subscription = single.subscription
        return await single.shared.channel.deliver_bulk(
            path, single.shared.new_id(), subscription.topic, subscription.pubsub_name, batch, None
        )

    async def _take(self, entry: _Entry, answer: Answer, number: int) -> None:
        """Settle the entry, unless the app wants it again."""
        single = self._single
        single.tell(entry.arrived, entry.entry_id, answer, number)
        if answer.outcome is DeliveryStatus.RETRY:
            entry.refusal = answer.detail
        else:
            await single.accept(entry.arrived, answer)
            entry.settle()

    async def _give_up(self, entry: _Entry, failure: Failure) -> None:
        single = self._single
        if isinstance(failure, CircuitOpen):
            single.log_undelivered(entry.entry_id, failure)
        try:
            await single.give_up(entry.arrived, entry.refusal or str(failure))
        except NotAcknowledged as error:
            entry.settle(error)
        else:
            entry.settle()
