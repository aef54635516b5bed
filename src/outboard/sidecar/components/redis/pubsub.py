"""`pubsub.redis`: topics are streams in Redis, in daprd's own layout: each reads what the other wrote.

As daprd's: a group that is new gets all that is in the stream, `concurrency` events are with the app at once,
and an event that the app does not take is acknowledged and so lost, unless a resiliency policy tries again or
there is a dead letter topic. What was on its way when a sidecar died is claimed once it has been pending for
`processingTimeout`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from outboard.clock import Clock
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Message,
    MessageHandler,
    NotAcknowledged,
    PubSubTraits,
)
from outboard.sidecar.components.redis.client.opening import check_connection, open_redis
from outboard.sidecar.components.redis.client.port import Redis, RedisCommand, RedisReply
from outboard.sidecar.components.redis.client.settings import CONNECTION_METADATA, RedisSettings
from outboard.sidecar.components.redis.streams.entries import StreamEntry, addition
from outboard.sidecar.components.redis.streams.settings import (
    IGNORED_INTERVAL,
    STREAM_METADATA,
    StreamSettings,
)
from outboard.sidecar.components.redis.streams.stream import Stream, Take

__all__ = ["METADATA", "RedisPubSub", "check", "create"]

logger = logging.getLogger(__name__)

METADATA: Final = KnownMetadata((*CONNECTION_METADATA, *STREAM_METADATA))


class RedisPubSub:
    """What concurrent publishers send goes together in pipelines, in the order in which it came."""

    traits = PubSubTraits(orders_bulk=True, unique_entry_ids=True)

    def __init__(self, redis: Redis, settings: StreamSettings, clock: Clock) -> None:
        self._redis = redis
        self._settings = settings
        self._clock = clock
        self._slots = asyncio.Semaphore(settings.concurrency)  # of all topics together, as with daprd

    async def publish(self, topic: str, message: Message) -> None:
        try:
            reply = await self._redis.command(*self._addition(topic, message))
        except ComponentError as error:
            raise _unpublished(error) from error
        _place(message, reply)

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """All in one transaction, so that nothing gets in between, and the server takes all or none."""
        if not messages:
            return {}
        try:
            replies = await self._redis.transaction([self._addition(topic, each) for each in messages])
        except ComponentError as error:
            return {index: _unpublished(error) for index in range(len(messages))}
        for message, reply in zip(messages, replies, strict=True):
            _place(message, reply)
        return {
            index: _unpublished(reply)
            for index, reply in enumerate(replies)
            if isinstance(reply, ComponentError)
        }

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        stream = await self._subscribed(topic, subscribed)
        async with asyncio.TaskGroup() as handling:

            async def take(entries: Sequence[StreamEntry]) -> None:
                for entry in entries:
                    await self._slots.acquire()
                    handling.create_task(self._handle(stream, entry, handle))

            await self._read(stream, take)

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        """One batch at a time; a batch is handed over when it is full, or its first event has waited enough.

        daprd gathers batches out of `concurrency` single events, so its own are no larger than that.
        """
        stream = await self._subscribed(topic, subscribed)
        waiting: asyncio.Queue[StreamEntry] = asyncio.Queue(
            max(self._settings.queue_depth, bounds.max_messages)
        )

        async def take(entries: Sequence[StreamEntry]) -> None:
            for entry in entries:
                await waiting.put(entry)

        async def hand_over() -> None:
            while True:
                batch = await _gathered(waiting, bounds)
                async with self._slots:
                    await self._handle_batch(stream, batch, handle)

        async with asyncio.TaskGroup() as handling:
            handling.create_task(hand_over())
            await self._read(stream, take)

    async def begin_group(self, topic: str, *, from_beginning: bool) -> None:
        """As `GroupStart`."""
        stream = Stream(self._redis, topic, self._settings, self._clock)
        await stream.make_group("0" if from_beginning else "$")

    async def remove_group(self, topic: str) -> None:
        """As `GroupRemoval`. A stream that was made for the group, and is empty, stays."""
        await self._redis.command("XGROUP", "DESTROY", topic, self._settings.group)

    async def close(self) -> None:
        await self._redis.close()

    async def _subscribed(self, topic: str, subscribed: Callable[[], None]) -> Stream:
        stream = Stream(self._redis, topic, self._settings, self._clock)
        await stream.make_group()
        subscribed()
        return stream

    def _addition(self, topic: str, message: Message) -> RedisCommand:
        return addition(topic, message, self._settings.trimming, self._clock.now().timestamp())

    async def _read(self, stream: Stream, take: Take) -> None:
        try:
            async with asyncio.TaskGroup() as reading:
                reading.create_task(stream.reclaim(take))
                await stream.poll(take)
        finally:
            await stream.finish()

    async def _handle(self, stream: Stream, entry: StreamEntry, handle: MessageHandler) -> None:
        try:
            started = stream.start([entry])
            try:
                await handle(entry.message)
            except NotAcknowledged as error:
                if _is_left(stream, entry, error, started):
                    return
            except Exception:
                # Not of this message alone: the others, and the subscription, go on.
                logger.exception("Redis message %s could not be handled: it stays pending", _name(entry))
                return
            await stream.acknowledge([entry])
        finally:
            self._slots.release()

    async def _handle_batch(self, stream: Stream, batch: Sequence[StreamEntry], handle: BulkHandler) -> None:
        started = stream.start(batch)
        outcomes = await handle([entry.message for entry in batch])
        settled = [
            entry
            for entry, outcome in zip(batch, outcomes, strict=True)
            if outcome is None or not _is_left(stream, entry, outcome, started)
        ]
        await stream.acknowledge(settled)


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting."""
    _, connection = _settings(properties, context)
    check_connection(properties, connection)


def _settings(properties: Properties, context: ComponentContext) -> tuple[StreamSettings, RedisSettings]:
    settings = StreamSettings.read(properties, context.app_id)
    _warn_of_ignored(properties, settings)
    return settings, RedisSettings.read(properties)


async def create(properties: Properties, context: ComponentContext) -> RedisPubSub:
    """Raises ComponentInitFailed for a wrong setting, ComponentError where no server answers."""
    settings, connection = _settings(properties, context)
    redis = await open_redis(properties, connection, context, "redis streams")
    return RedisPubSub(redis, settings, context.clock)


def _warn_of_ignored(properties: Properties, settings: StreamSettings) -> None:
    interval = properties.get("redeliverInterval", "")
    if interval and not interval.isdecimal():
        properties.warn(*IGNORED_INTERVAL, "redeliverInterval")
    if settings.trimming.length and settings.trimming.life:
        properties.warn("of `maxLenApprox` and `streamTTL` only the first counts", "", "streamTTL")


def _place(message: Message, reply: RedisReply) -> None:
    """A stream answers with the id of the entry."""
    if message.place is not None and isinstance(reply, bytes):
        message.place.offset = reply.decode("ascii", "replace")


def _unpublished(error: ComponentError) -> ComponentError:
    return ComponentError(f"redis streams: error from publish: {error}")


def _is_left(stream: Stream, entry: StreamEntry, refusal: NotAcknowledged, started: float) -> bool:
    """Whether the entry, which the app did not take, stays pending: after `processingTimeout` only."""
    text = "error processing Redis message %s: %s"
    logger.error(text, _name(entry), refusal)
    if not stream.is_late(started):
        return False
    stream.leave(entry)
    return True


async def _gathered(waiting: asyncio.Queue[StreamEntry], bounds: BulkBounds) -> list[StreamEntry]:
    """As many as are there, up to the bounds."""
    batch = [await waiting.get()]
    try:
        async with asyncio.timeout(bounds.max_await):
            while len(batch) < bounds.max_messages:
                batch.append(await waiting.get())
    except TimeoutError:
        pass
    return batch


def _name(entry: StreamEntry) -> str:
    return entry.id.decode("utf-8", "replace")
