"""Committing: only what is settled, never backwards, and many at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from outboard.sidecar.components.kafka.client import KafkaFailure, PartitionLost, TopicPartition

__all__ = ["Offsets"]

logger = logging.getLogger(__name__)

INTERVAL: Final = 0.1  # seconds between two commits; daprd's client takes one


class Offsets:
    """The offsets that are to be read next, as far as they are settled and not yet committed."""

    def __init__(
        self,
        commit: Callable[[Mapping[TopicPartition, int]], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._commit = commit
        self._sleep = sleep
        self._settled: dict[TopicPartition, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._changed = asyncio.Event()
        self._committing = asyncio.Lock()

    def settle(self, tp: TopicPartition, next_offset: int) -> None:
        """Everything of `tp` before `next_offset` is settled."""
        if next_offset > self._reached.get(tp, -1):
            self._reached[tp] = self._settled[tp] = next_offset
            self._changed.set()

    async def commit_forever(self) -> None:
        """Commit soon after each change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.commit()
            await self._sleep(INTERVAL)

    async def commit(self) -> None:
        """What cannot be committed now is tried again, unless others own it by now."""
        async with self._committing:
            offsets, self._settled = self._settled, {}
            if not offsets:
                return
            try:
                await self._commit(offsets)
            except PartitionLost as error:
                logger.warning(
                    "offsets of %s are not committed, they are redelivered: %s", _of(offsets), error
                )
            except KafkaFailure as error:
                logger.warning("offsets of %s are not committed yet: %s", _of(offsets), error)
                self._settled = offsets | self._settled
                self._changed.set()

    def forget(self) -> None:
        """The partitions are somebody else's from now on."""
        self._settled, self._reached = {}, {}


def _of(offsets: Mapping[TopicPartition, int]) -> str:
    return ", ".join(f"{topic}/{partition}" for topic, partition in sorted(offsets))
