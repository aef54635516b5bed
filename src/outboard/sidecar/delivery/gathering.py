"""Batches gathered out of single messages, for components that do not hand over batches by themselves.

Source: Dapr, "Publish and subscribe to bulk messages"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from outboard.sidecar.components.port import Message, NotAcknowledged
from outboard.sidecar.delivery.batches import BatchConsumer, BatchEntry, bounds_of
from outboard.sidecar.delivery.consumer import Consumer
from outboard.sidecar.delivery.inbound import Arrived
from outboard.tasks import background_tasks

__all__ = ["GatheringConsumer"]

SHORT_WAIT: Final = 0.02
"""Seconds: so short a wait is asked for to gather events, not to hold one back."""


class _Waiting(BatchEntry):
    """An entry whose broker waits for it to be settled."""

    __slots__ = ("done",)

    def __init__(self, arrived: Arrived, entry_id: str) -> None:
        super().__init__(arrived, entry_id)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: NotAcknowledged | None = None) -> None:
        super().settle(outcome)
        if self.done.done():
            return
        if self.outcome is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(self.outcome)


class GatheringConsumer:
    """Called for each message; delivers when enough have come, or the first has waited long enough."""

    def __init__(self, single: Consumer) -> None:
        self._single = single
        self._batches = BatchConsumer(single)
        self._bounds = bounds_of(single.subscription.bulk, single.pubsub.component)
        # Where no other event can come, a short wait gathers nothing; a longer one is kept, as by daprd.
        traits = single.pubsub.component.traits
        in_vain = bool(traits.serial) and self._bounds.max_await <= SHORT_WAIT
        self._at_once = traits.gathers_at_once or in_vain
        self._pending: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        """Return when `message` is settled. Raises NotAcknowledged."""
        async with self._single.shared.drain:
            await self._enter(message)

    @asynccontextmanager
    async def gathering(self) -> AsyncIterator[None]:
        """Deliver batches while the block runs."""
        async with background_tasks(self._gather_forever()):
            yield

    async def _enter(self, message: Message) -> None:
        entry = _Waiting(Arrived(message, self._single.pubsub.name), self._single.shared.new_id())
        self._pending.append(entry)
        self._arrived.set()
        if len(self._pending) >= self._bounds.max_messages:
            self._full.set()
        await entry.done

    async def _gather_forever(self) -> None:
        deliveries: set[asyncio.Task[None]] = set()
        count = self._bounds.max_messages
        try:
            while True:
                await self._arrived.wait()
                await self._fill()
                batch, self._pending = self._pending[:count], self._pending[count:]
                if not self._pending:
                    self._arrived.clear()
                task = asyncio.create_task(self._batches.deliver(batch))
                deliveries.add(task)
                task.add_done_callback(deliveries.discard)
        finally:
            for task in deliveries:
                task.cancel()

    async def _fill(self) -> None:
        """Return when the pending batch is full, or its time is up; at once where it would wait in vain."""
        self._full.clear()
        if self._at_once or len(self._pending) >= self._bounds.max_messages:
            return
        sleep = asyncio.ensure_future(self._single.shared.clock.sleep(self._bounds.max_await))
        full = asyncio.ensure_future(self._full.wait())
        try:
            await asyncio.wait((sleep, full), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            full.cancel()
