"""What the partitioned logs of our own, in memory and in a file, have in common."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from zlib import crc32

from outboard.sidecar.components.port import BulkHandler, Message, MessageHandler, NotAcknowledged

__all__ = ["Turns", "partition_of", "takes_one"]


class Turns:
    """Those who wait for something, woken one by one in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.wake()  # what it was woken for is for the next
            raise

    def wake(self, count: int = 1) -> None:
        while count > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1

    def wake_all(self) -> None:
        self.wake(len(self._waiting))


def partition_of(key: str, partitions: int) -> int:
    """Where the events of `key` lie, from 0; always the same."""
    return crc32(key.encode("utf-8", "surrogatepass")) % partitions


def takes_one(handle: MessageHandler) -> BulkHandler:
    """`handle` as a handler of batches of one message."""

    async def take(messages: Sequence[Message]) -> Sequence[NotAcknowledged | None]:
        try:
            await handle(messages[0])
        except NotAcknowledged as error:
            return (error,)
        return (None,)

    return take
