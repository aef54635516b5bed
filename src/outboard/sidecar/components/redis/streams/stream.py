"""One stream, as one group of consumers reads and settles it.

Source: Redis, "Redis Streams" (consumer groups); daprd 1.18 for when entries are claimed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Final, Never, TypeAlias

from outboard.clock import Clock
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.port import Redis, RedisAway, RedisRefused
from outboard.sidecar.components.redis.streams.acknowledging import Acknowledging
from outboard.sidecar.components.redis.streams.entries import (
    StreamEntry,
    after,
    read_claimed,
    read_entries,
    read_pending,
)
from outboard.sidecar.components.redis.streams.held import HeldEntries
from outboard.sidecar.components.redis.streams.settings import StreamSettings

__all__ = ["Stream", "Take"]

logger = logging.getLogger(__name__)

BLOCK: Final = 5.0
LONGEST_PAUSE: Final = 2.0
Take: TypeAlias = Callable[[Sequence[StreamEntry]], Awaitable[None]]


class Stream:
    """Reads the stream of `topic`, claims what others left, and acknowledges.

    As with daprd the consumer has the group's name: every sidecar of the group is the same consumer.
    """

    def __init__(self, redis: Redis, topic: str, settings: StreamSettings, clock: Clock) -> None:
        self._redis = redis
        self._topic = topic
        self._settings = settings
        self._clock = clock
        self._held = HeldEntries(settings.processing_timeout)
        self._acknowledging = Acknowledging(self._send_acknowledgements)

    async def make_group(self, start: str = "0") -> None:
        """A group that is new gets all that is in the stream, or what comes behind `start`.

        Raises ComponentError.
        """
        command = ("XGROUP", "CREATE", self._topic, self._settings.group, start, "MKSTREAM")
        try:
            await self._redis.command(*command)
        except RedisRefused as error:
            if not str(error).startswith("BUSYGROUP"):
                raise ComponentError(f"redis streams: {error}") from error

    async def poll(self, take: Take) -> Never:
        """Give what nobody of the group has read to `take`, for ever, whatever happens to the server."""
        failures = 0
        while True:
            try:
                entries = await self._read()
            except ComponentError as error:
                failures += 1
                await self._recover(error, failures)
                continue
            if failures:
                failures = 0
                logger.info("reading from stream %s goes on", self._topic)
            await self._hand_over(entries, take)

    async def reclaim(self, take: Take) -> None:
        """Give what some consumer of the group has had for too long to `take`, now and again and again."""
        while self._settings.redelivers:
            try:
                await self._reclaim_all(take)
            except ComponentError as error:
                logger.error("cannot claim pending entries of stream %s: %s", self._topic, error)  # noqa: TRY400
            await self._clock.sleep(self._settings.redeliver_interval)

    def start(self, entries: Sequence[StreamEntry]) -> float:
        """The app gets `entries` now: a moment of the monotonic clock."""
        now = self._clock.monotonic()
        for entry in entries:
            self._held.start(entry.id, now)
        return now

    def is_late(self, started: float) -> bool:
        """Whether the app has had what it got at `started` for so long that it is claimed again."""
        taken = self._clock.monotonic() - started
        return self._settings.redelivers and taken >= self._settings.processing_timeout

    def leave(self, entry: StreamEntry) -> None:
        """Leave `entry` pending; it is claimed later."""
        self._held.settle(entry.id)

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        """Return when the server knows, which it learns even if the caller is cancelled."""
        await self._acknowledging([entry.id for entry in entries])

    async def finish(self) -> None:
        """Wait a moment for the acknowledgements on their way."""
        await self._acknowledging.finish()

    async def _read(self) -> list[StreamEntry]:
        group, milliseconds = self._settings.group, int(BLOCK * 1_000)
        reply = await self._redis.waiting(
            "XREADGROUP", "GROUP", group, group, "COUNT", self._settings.queue_depth, "BLOCK", milliseconds,
            "STREAMS", self._topic, ">", seconds=BLOCK,
        )  # fmt: skip
        return read_entries(reply)

    async def _hand_over(self, entries: Sequence[StreamEntry], take: Take) -> None:
        for entry in entries:
            if entry.problem:
                logger.warning("the metadata of Redis message %s is lost: %s", _name(entry), entry.problem)
        self._held.take(entry.id for entry in entries)
        await take(entries)

    async def _recover(self, error: ComponentError, failures: int) -> None:
        group, topic = self._settings.group, self._topic
        if failures == 1:
            logger.error("cannot read from stream %s: %s; trying again", topic, error)
        if "NOGROUP" in str(error):
            text = (
                "stream %s has no group %s: data was lost, or somebody deleted it. The group is made again."
            )
            logger.warning(text, topic, group)
            try:
                await self.make_group()
            except ComponentError as again:
                logger.error("cannot make group %s of stream %s: %s", group, topic, again)  # noqa: TRY400
            else:
                return
        await self._clock.sleep(min(0.05 * 2 ** min(failures, 10), LONGEST_PAUSE))

    async def _reclaim_all(self, take: Take) -> None:
        settings, start = self._settings, "-"
        while True:
            command = ("XPENDING", self._topic, settings.group, start, "+", settings.queue_depth)
            page = read_pending(await self._redis.command(*command))
            now = self._clock.monotonic()
            wanted = [
                each.id
                for each in page
                if each.idle >= settings.processing_timeout and not self._held.holds(each.id, now)
            ]
            if wanted:
                await self._claim(wanted, take)
            if len(page) < settings.queue_depth:
                return
            start = after(page[-1].id)

    async def _claim(self, wanted: Sequence[bytes], take: Take) -> None:
        group, idle = self._settings.group, int(self._settings.processing_timeout * 1_000)
        reply = await self._redis.command("XCLAIM", self._topic, group, group, idle, *wanted)
        claimed = read_claimed(reply)
        if isinstance(reply, list) and len(claimed) < len(reply):
            await self._forget_deleted(set(wanted) - {entry.id for entry in claimed})
        await self._hand_over(claimed, take)

    async def _forget_deleted(self, missing: set[bytes]) -> None:
        """Up to Redis 6 an entry that was deleted stays pending, and is claimed as nothing."""
        for entry in missing:
            if not await self._redis.command("XRANGE", self._topic, entry, entry):
                await self._redis.command("XACK", self._topic, self._settings.group, entry)

    async def _send_acknowledgements(self, entries: Sequence[bytes]) -> None:
        for failures in count(1):
            try:
                await self._redis.command("XACK", self._topic, self._settings.group, *entries)
            except RedisAway:
                await self._clock.sleep(min(0.05 * 2 ** min(failures, 10), LONGEST_PAUSE))
            except RedisRefused as error:
                logger.error("cannot acknowledge on stream %s: %s", self._topic, error)  # noqa: TRY400
                break
            else:
                break
        for entry in entries:
            self._held.settle(entry)


def _name(entry: StreamEntry) -> str:
    return entry.id.decode("utf-8", "replace")
