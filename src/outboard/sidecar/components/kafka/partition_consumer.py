"""The messages of one partition, handed over one after the other, or batch after batch."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from outboard.sidecar.components.kafka.client import TopicPartition
from outboard.sidecar.components.kafka.records import Received, to_message
from outboard.sidecar.components.kafka.redelivery import RetryContext, until_settled
from outboard.sidecar.components.kafka.topics import TopicHandler
from outboard.sidecar.components.port import BulkBounds, NotAcknowledged

__all__ = ["PartitionConsumer"]

MANY: Final = 500
"""Messages that wait in memory before no more are fetched; half as many, and fetching goes on."""


class PartitionConsumer:
    """One assigned partition, from the time it is assigned until it is revoked.

    `settle` is told the offset that is to be read next; `fetch` whether more is wanted.
    """

    def __init__(
        self,
        tp: TopicPartition,
        handler: TopicHandler,
        retry_context: RetryContext,
        settle: Callable[[TopicPartition, int], None],
        fetch: Callable[[TopicPartition, bool], None],
    ) -> None:
        self.handler = handler
        self._tp = tp
        self._retry_context = retry_context
        self._settle = settle
        self._fetch = fetch
        self._waiting: deque[Received] = deque()
        self._arrived = asyncio.Event()
        self._fetching = True
        self._handling = False
        self._last = False

    def put(self, records: Sequence[Received]) -> None:
        self._waiting.extend(records)
        self._arrived.set()
        self._want(len(self._waiting) < self._most)

    async def run(self) -> None:
        """Until cancelled, or `finish`."""
        work = self._single if self.handler.bounds is None else self._batch
        while not self._last:
            await work()
            if not self._fetching and len(self._waiting) <= self._most // 2:
                self._want(True)

    def finish(self) -> bool:
        """Take nothing new. False where nothing is being handled: whoever runs it may cancel it at once."""
        self._last = True
        return self._handling

    @property
    def _most(self) -> int:
        bounds = self.handler.bounds
        return MANY if bounds is None else max(MANY, 2 * bounds.max_messages)

    def _want(self, more: bool) -> None:
        if more is not self._fetching:
            self._fetching = more
            self._fetch(self._tp, more)

    async def _some(self) -> None:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()

    async def _single(self) -> None:
        await self._some()
        record = self._waiting.popleft()
        handle = self.handler.single
        assert handle is not None
        message = to_message(record, self._retry_context.settings)

        async def attempt() -> str:
            try:
                await handle(message)
            except NotAcknowledged as error:
                return str(error) or "not acknowledged"
            return ""

        if await self._until_settled(attempt, lambda: _name(record)):
            self._settle(self._tp, record.offset + 1)

    async def _batch(self) -> None:
        records = await self._gather()
        handle = self.handler.bulk
        assert handle is not None
        rest = records

        async def attempt() -> str:
            nonlocal rest
            messages = [to_message(record, self._retry_context.settings) for record in rest]
            outcomes = await handle(messages)
            failed = [(record, why) for record, why in zip(rest, outcomes, strict=True) if why is not None]
            rest = [record for record, _ in failed]
            if not failed:
                return ""
            self._settle(self._tp, rest[0].offset)
            return str(failed[0][1]) or "not acknowledged"

        if await self._until_settled(attempt, lambda: f"Kafka bulk messages: {self._tp.topic}"):
            self._settle(self._tp, records[-1].offset + 1)

    async def _gather(self) -> list[Received]:
        """As many as the subscription takes at once, or what has come by the end of its time."""
        bounds = self.handler.bounds
        assert bounds is not None
        await self._some()
        if len(self._waiting) < bounds.max_messages:
            await self._fill(bounds)
        count = min(bounds.max_messages, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]

    async def _fill(self, bounds: BulkBounds) -> None:
        over = asyncio.create_task(self._retry_context.clock.sleep(bounds.max_await))
        over.add_done_callback(lambda _: self._arrived.set())
        try:
            while len(self._waiting) < bounds.max_messages and not over.done():
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            over.cancel()

    async def _until_settled(self, attempt: Callable[[], Awaitable[str]], what: Callable[[], str]) -> bool:
        async def handled() -> str:
            self._handling = True
            try:
                return await attempt()
            finally:
                self._handling = False

        return await until_settled(handled, what, self._retry_context, lambda: self._last)


def _name(record: Received) -> str:
    key = base64.b64encode(record.key or b"").decode()
    return f"Kafka message: {record.topic}/{record.partition}/{record.offset} [key={key}]"
