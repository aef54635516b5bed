from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

import pytest

from outboard.sidecar.components.kafka.client import (
    BrokersAway,
    KafkaFailure,
    RecordBatch,
    TooLarge,
    TopicPartition,
)
from outboard.sidecar.components.kafka.partition_producer import PartitionProducer
from outboard.sidecar.components.kafka.records import Record
from outboard.sidecar.components.port import StoredPlace

pytestmark = pytest.mark.anyio

PLACE = TopicPartition("t", 0)


@dataclass
class FakeBatch:
    room: int
    values: list[bytes] = field(default_factory=list)

    def add(self, record: Record) -> bool:
        if len(self.values) == self.room:
            return False
        self.values.append(record.value or b"")
        return True


class FakeProducer:
    """Batches have room for `room`; `outcomes` are those of the next ones, `gate` holds them back."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.sent: list[list[bytes]] = []
        self.outcomes: deque[KafkaFailure | None] = deque()
        self.too_large: set[bytes] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.written = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def partitions(self, topic: str) -> int:
        return 1

    def new_batch(self) -> FakeBatch:
        return FakeBatch(self.room)

    async def send(self, place: TopicPartition, batch: RecordBatch) -> int:
        assert isinstance(batch, FakeBatch)
        self.at_once += 1
        assert self.at_once == 1, "two batches on the way into one partition"
        self.sent.append(batch.values)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.too_large.intersection(batch.values):
            raise TooLarge("too large")
        if self.outcomes and (outcome := self.outcomes.popleft()) is not None:
            raise outcome
        self.written += len(batch.values)
        return self.written - len(batch.values)


def record(text: str) -> Record:
    """`a1` is a record of key `a`; `-1` has none."""
    return Record(None if text[0] == "-" else text[0].encode(), text.encode())


def records(text: str) -> list[tuple[int, Record]]:
    return [(position, record(each)) for position, each in enumerate(text.split())]


async def test_what_comes_while_a_batch_is_on_its_way_goes_together() -> None:
    producer = FakeProducer()
    producer.gate.clear()
    lane = PartitionProducer(PLACE, producer)
    puts = [lane.put(records("a1"))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    puts += [lane.put(records(each)) for each in ("a2 b1", "c1")]
    producer.gate.set()

    assert await asyncio.gather(*puts) == [{}, {}, {}]
    assert producer.sent == [[b"a1"], [b"a2", b"b1", b"c1"]]


async def test_what_does_not_fit_goes_in_the_next_batch_in_order() -> None:
    producer = FakeProducer(room=2)
    assert await PartitionProducer(PLACE, producer).put(records("a1 a2 a3 b1 a4")) == {}
    assert producer.sent == [[b"a1", b"a2"], [b"a3", b"b1"], [b"a4"]]


async def test_after_a_failure_the_rest_of_the_key_stays_behind() -> None:
    producer = FakeProducer(room=2)
    producer.outcomes.extend([None, KafkaFailure("gone")])
    errors = await PartitionProducer(PLACE, producer).put(records("a1 b1 a2 -1 a3 b2 -2 a4"))

    assert producer.sent == [[b"a1", b"b1"], [b"a2", b"-1"], [b"b2", b"-2"]]
    assert {position: str(error) for position, error in errors.items()} == {
        2: "gone",
        3: "gone",
        4: "not published, because an earlier message of the same key was not: gone",
        7: "not published, because an earlier message of the same key was not: gone",
    }


async def test_a_failure_is_no_matter_of_the_next_request() -> None:
    producer = FakeProducer()
    producer.outcomes.append(KafkaFailure("gone"))
    lane = PartitionProducer(PLACE, producer)

    assert set(await lane.put(records("a1 a2"))) == {0, 1}
    assert await lane.put(records("a1 a2")) == {}


async def test_the_one_that_is_too_large_is_found_and_the_others_are_sent_in_order() -> None:
    producer = FakeProducer()
    producer.too_large.add(b"a2")
    lane = PartitionProducer(PLACE, producer)
    errors, others = await asyncio.gather(lane.put(records("a1 b1 a2 b2 a3")), lane.put(records("a9 c1")))

    assert set(errors) == {2, 4}
    assert str(errors[2]) == "too large"
    assert others == {}
    taken = [value for batch in producer.sent if b"a2" not in batch for value in batch]
    assert taken == [b"a1", b"b1", b"b2", b"a9", b"c1"]


async def test_what_waits_behind_a_broker_that_is_away_is_not_sent() -> None:
    producer = FakeProducer(room=2)
    producer.gate.clear()
    producer.outcomes.append(BrokersAway("nobody there"))
    lane = PartitionProducer(PLACE, producer)
    first, second = lane.put(records("a1 a2 -1")), lane.put(records("b1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    producer.gate.set()

    assert {position: str(error) for position, error in (await first).items()} == {
        0: "nobody there",
        1: "nobody there",
        2: "not sent: nobody there",
    }
    assert [str(error) for error in (await second).values()] == ["not sent: nobody there"]
    assert await lane.put(records("b1")) == {}
    assert producer.sent == [[b"a1", b"a2"], [b"b1"]]


async def test_who_waits_no_longer_has_nothing_sent() -> None:
    producer = FakeProducer(room=1)
    producer.gate.clear()
    lane = PartitionProducer(PLACE, producer)
    abandoned, other = lane.put(records("a1 a2")), lane.put(records("b1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    abandoned.cancel()
    producer.gate.set()

    assert await other == {}
    assert producer.sent == [[b"a1"], [b"b1"]]


async def test_closing_gives_up_what_is_under_way() -> None:
    producer = FakeProducer()
    producer.gate.clear()
    lane = PartitionProducer(PLACE, producer)
    waiting = lane.put(records("a1"))
    await asyncio.sleep(0)
    await lane.close()

    assert not waiting.done()


async def test_who_asks_is_told_where_each_record_lies() -> None:
    producer = FakeProducer(room=2)
    producer.outcomes.append(KafkaFailure("not now"))
    producer.outcomes.extend((None, None))
    asked = [replace(each, place=StoredPlace()) for _, each in records("a1 b1 c1 d1 e1")]
    await PartitionProducer(PLACE, producer).put(list(enumerate(asked)))

    told = [each.place.offset for each in asked if each.place is not None]
    assert told == ["", "", "0", "1", "2"]
    assert {each.place.partition for each in asked[2:] if each.place} == {str(PLACE.partition)}
