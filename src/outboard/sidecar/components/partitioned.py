"""What the partitioned logs of our own, in memory and in a file, have in common."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from outboard.sidecar.components.port import BulkHandler, Handler, Message, NotAcknowledged

__all__ = ["partition_of", "takes_one"]


def partition_of(key: str, partitions: int) -> int:
    """Where the events of `key` lie, from 0; always the same."""
    return crc32(key.encode("utf-8", "surrogatepass")) % partitions


def takes_one(handle: Handler) -> BulkHandler:
    """`handle` as a handler of batches of one message."""

    async def take(messages: Sequence[Message]) -> Sequence[NotAcknowledged | None]:
        try:
            await handle(messages[0])
        except NotAcknowledged as error:
            return (error,)
        return (None,)

    return take
