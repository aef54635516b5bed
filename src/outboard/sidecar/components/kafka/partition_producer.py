"""The way of outgoing records into one partition: one batch at a time, in the order of their arrival.

A record goes from its shipment (`records`) into a batch (`under_way`), and from there it is done, or among
the `errors`; a shipment is settled once none of its records is in either. What becomes of a batch:

    sent                   its records are done
    TooLarge               it is halved, and each half sent, down to the record that is too large alone
    BrokersAway            its records fail, and so does all that waits: it would come too late
    any other KafkaFailure its records fail; what waits is sent

After a record that failed, those of its key and shipment fail too, so that no key gets out of order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from outboard.sidecar.components.kafka.client import (
    BrokersAway,
    KafkaFailure,
    ProducerClient,
    RecordBatch,
    TooLarge,
    TopicPartition,
)
from outboard.sidecar.components.kafka.records import Record
from outboard.sidecar.components.port import ComponentError

__all__ = ["PartitionProducer", "Shipment"]

HELD_BACK: Final = "not published, because an earlier message of the same key was not"


@dataclass(slots=True, eq=False)
class Shipment:
    """Records of one request for one partition, by their position in the request.

    `done` gets the errors by position; who no longer waits for it cancels it, and what is not yet on its way
    then stays behind.
    """

    records: deque[tuple[int, Record]]
    done: asyncio.Future[dict[int, ComponentError]]
    errors: dict[int, ComponentError] = field(default_factory=dict)
    failed_keys: dict[bytes, ComponentError] = field(default_factory=dict)
    under_way: int = 0

    def next(self) -> tuple[int, Record] | None:
        """The first that may be sent, left where it is."""
        while self.records and not self.done.done():
            position, record = self.records[0]
            if self.may_send(position, record):
                return position, record
            self.records.popleft()
        return None

    def may_send(self, position: int, record: Record) -> bool:
        """False, and it has failed, where an earlier one of its key has."""
        earlier = None if record.key is None else self.failed_keys.get(record.key)
        if earlier is not None:
            self.errors[position] = ComponentError(f"{HELD_BACK}: {earlier}")
        return earlier is None

    def fail(self, position: int, record: Record, error: ComponentError) -> None:
        self.errors[position] = error
        if record.key is not None:
            self.failed_keys.setdefault(record.key, error)

    def refuse(self, error: ComponentError) -> None:
        """Send nothing more of it."""
        self.errors |= {position: error for position, _ in self.records}
        self.records.clear()
        self.settle()

    def settle(self) -> None:
        """Tell who waits, if nothing is left."""
        if not self.records and not self.under_way and not self.done.done():
            self.done.set_result(self.errors)


@dataclass(frozen=True, slots=True)
class _Sent:
    shipment: Shipment
    position: int
    record: Record


class PartitionProducer:
    """Gathers what waits into batches. There is a task only while there is something to send."""

    def __init__(self, tp: TopicPartition, producer: ProducerClient) -> None:
        self._tp = tp
        self._producer = producer
        self._waiting: deque[Shipment] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, records: Sequence[tuple[int, Record]]) -> asyncio.Future[dict[int, ComponentError]]:
        """The errors by position, once each of `records` is published or has failed."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(Shipment(deque(records), done))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return done

    async def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, sent = self._fill()
                if sent:
                    await self._send(batch, sent)
        finally:
            self._task = None  # whoever puts something from now on begins a new one

    def _fill(self) -> tuple[RecordBatch, list[_Sent]]:
        batch, sent = self._producer.new_batch(), list[_Sent]()
        while self._waiting:
            shipment = self._waiting[0]
            while (entry := shipment.next()) is not None:
                if not batch.add(entry[1]):  # no room: it is the first of the next batch
                    return batch, sent
                shipment.records.popleft()
                shipment.under_way += 1
                sent.append(_Sent(shipment, *entry))
            self._waiting.popleft()
            shipment.settle()
        return batch, sent

    async def _send(self, batch: RecordBatch, sent: Sequence[_Sent]) -> None:
        try:
            first = await self._producer.send(self._tp, batch)
        except TooLarge as error:
            await self._split(sent, error)
        except BrokersAway as error:
            _settle(sent, error)
            self._refuse(error)
        except KafkaFailure as error:
            _settle(sent, error)
        else:
            self._place(sent, first)
            _settle(sent, None)

    def _place(self, sent: Sequence[_Sent], first: int) -> None:
        """Tell those who asked where their records lie; `first` is below 0 where the broker does not say."""
        for offset, each in enumerate(sent, first):
            if each.record.place is not None and first >= 0:
                each.record.place.partition = str(self._tp.partition)
                each.record.place.offset = str(offset)

    def _refuse(self, error: BrokersAway) -> None:
        """What waits would not get through either, and might be sent when nobody waits for it any more."""
        waiting, self._waiting = self._waiting, deque()
        for shipment in waiting:
            shipment.refuse(ComponentError(f"not sent: {error}"))

    async def _split(self, sent: Sequence[_Sent], error: TooLarge) -> None:
        """A topic may take less than the component's `maxMessageBytes`: find out for which record."""
        if len(sent) == 1:
            _settle(sent, error)
            return
        middle = len(sent) // 2
        for half in (sent[:middle], sent[middle:]):
            rest = _allowed(half)
            if rest:
                await self._send(self._packed(rest), rest)

    def _packed(self, sent: Sequence[_Sent]) -> RecordBatch:
        batch = self._producer.new_batch()
        for each in sent:
            batch.add(each.record)  # it had room in a larger one
        return batch


def _settle(sent: Sequence[_Sent], error: ComponentError | None) -> None:
    for each in sent:
        each.shipment.under_way -= 1
        if error is not None:
            each.shipment.fail(each.position, each.record, error)
    for each in sent:
        each.shipment.settle()


def _allowed(sent: Sequence[_Sent]) -> list[_Sent]:
    """Without those of which an earlier one of the same key has failed by now."""
    allowed = []
    for each in sent:
        if each.shipment.may_send(each.position, each.record):
            allowed.append(each)
        else:
            _settle([each], None)
    return allowed
