from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import pytest

from outboard.sidecar.components.kafka.client import KafkaFailure, PartitionLost, TopicPartition
from outboard.sidecar.components.kafka.offsets import Offsets

pytestmark = pytest.mark.anyio

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


class Committed:
    def __init__(self) -> None:
        self.all: list[dict[TopicPartition, int]] = []
        self.failures: deque[KafkaFailure] = deque()

    async def __call__(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.failures:
            raise self.failures.popleft()
        self.all.append(dict(offsets))


async def turn(seconds: float) -> None:
    await asyncio.sleep(0)


async def test_many_settled_messages_are_one_commit() -> None:
    committed = Committed()
    offsets = Offsets(committed, turn)
    for place, offset in (A, 1), (B, 5), (A, 2), (A, 3):
        offsets.settle(place, offset)
    await offsets.commit()
    await offsets.commit()

    assert committed.all == [{A: 3, B: 5}]


async def test_an_offset_never_goes_back() -> None:
    committed = Committed()
    offsets = Offsets(committed, turn)
    offsets.settle(A, 7)
    offsets.settle(A, 3)
    await offsets.commit()
    offsets.settle(A, 7)
    await offsets.commit()

    assert committed.all == [{A: 7}]


async def test_what_could_not_be_committed_is_tried_again_with_what_came_since() -> None:
    committed = Committed()
    committed.failures.append(KafkaFailure("away"))
    offsets = Offsets(committed, turn)
    offsets.settle(A, 1)
    offsets.settle(B, 1)
    await offsets.commit()
    offsets.settle(A, 2)
    await offsets.commit()

    assert committed.all == [{A: 2, B: 1}]


async def test_what_others_own_is_not_tried_again() -> None:
    committed = Committed()
    committed.failures.append(PartitionLost("theirs"))
    offsets = Offsets(committed, turn)
    offsets.settle(A, 1)
    await offsets.commit()
    await offsets.commit()

    assert committed.all == []


async def test_after_a_revocation_a_partition_may_begin_where_the_group_is() -> None:
    committed = Committed()
    offsets = Offsets(committed, turn)
    offsets.settle(A, 9)
    offsets.forget()
    offsets.settle(A, 4)
    await offsets.commit()

    assert committed.all == [{A: 4}]


async def test_it_commits_soon_after_each_change() -> None:
    committed = Committed()
    offsets = Offsets(committed, turn)
    task = asyncio.create_task(offsets.commit_forever())
    for offset in 1, 2:
        offsets.settle(A, offset)
        for _ in range(5):
            await asyncio.sleep(0)
    task.cancel()

    assert committed.all == [{A: 1}, {A: 2}]
