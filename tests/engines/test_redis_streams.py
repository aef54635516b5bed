"""What `pubsub.redis` does with the entries of a real stream: acknowledges, claims, trims."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import pytest
import redis.asyncio as client

from contract.promises import Inbox, bulk_consuming, consuming, numbered
from outboard.sidecar.components.port import Message, NotAcknowledged, StoredPlace
from support.redis import RedisServer
from support.redis_component import redis_pubsub

pytestmark = pytest.mark.anyio

NUMBERS = count(1)
GROUP = "app"


@pytest.fixture
def topic() -> str:
    return f"streams-{next(NUMBERS)}"


@pytest.fixture
async def server(redis: RedisServer) -> AsyncIterator[Any]:
    async with client.Redis(port=redis.port) as connection:
        yield connection


async def pending(server: Any, topic: str) -> int:
    return int((await server.xpending(topic, GROUP))["pending"])


async def test_what_the_app_refuses_is_acknowledged_and_so_lost(
    redis: RedisServer, server: Any, topic: str
) -> None:
    """As with daprd since 1.17."""
    inbox = Inbox()

    async def refuse(message: Message) -> None:
        await inbox(message)
        raise NotAcknowledged("no")

    async with redis_pubsub(redisHost=redis.address) as pubsub, consuming(pubsub, topic, refuse):
        await pubsub.publish(topic, Message(b"x"))
        await inbox.data(1)

    assert await pending(server, topic) == 0
    assert len(inbox.messages) == 1


async def test_of_a_batch_what_the_app_refuses_is_acknowledged_too(
    redis: RedisServer, server: Any, topic: str
) -> None:
    inbox = Inbox()

    async def refuse_odd(messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        await inbox.take(messages)
        return [NotAcknowledged("odd") if int(message.data) % 2 else None for message in messages]

    async with redis_pubsub(redisHost=redis.address) as pubsub:
        await pubsub.publish_many(topic, numbered(10))
        async with bulk_consuming(pubsub, topic, refuse_odd):
            assert await inbox.data(10) == [message.data for message in numbered(10)]

    assert await pending(server, topic) == 0


async def test_an_event_that_takes_too_long_comes_a_second_time_and_stays_if_it_fails_late(
    redis: RedisServer, server: Any, topic: str
) -> None:
    inbox = Inbox()

    async def first_too_late(message: Message) -> None:
        await inbox(message)
        if len(inbox.messages) == 1:
            await inbox.data(2)
            raise NotAcknowledged("too late")

    metadata = {"processingTimeout": "300", "redeliverInterval": "50"}
    async with (
        redis_pubsub(redisHost=redis.address, **metadata) as pubsub,
        consuming(pubsub, topic, first_too_late),
    ):
        await pubsub.publish(topic, Message(b"x"))
        assert await inbox.data(2) == [b"x", b"x"]

    assert await pending(server, topic) == 0


async def test_what_waits_here_is_not_claimed_by_itself(redis: RedisServer, topic: str) -> None:
    """The last waits for longer than `processingTimeout`; daprd would hand it over twice."""
    inbox = Inbox()

    async def slowly(message: Message) -> None:
        await asyncio.sleep(0.15)
        await inbox(message)

    metadata = {"processingTimeout": "500", "redeliverInterval": "50", "concurrency": "1"}
    async with redis_pubsub(redisHost=redis.address, **metadata) as pubsub:
        await pubsub.publish_many(topic, numbered(8))
        async with consuming(pubsub, topic, slowly):
            await pubsub.publish(topic, Message(b"8"))

            assert await inbox.data(9) == [message.data for message in numbered(9)]
    assert len(inbox.messages) == 9


async def test_concurrency_counts_for_all_topics_of_the_component(redis: RedisServer, topic: str) -> None:
    inbox, running, most = Inbox(), 0, 0

    async def handle(message: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await inbox(message)

    async with (
        redis_pubsub(redisHost=redis.address, concurrency="2") as pubsub,
        consuming(pubsub, topic, handle),
        consuming(pubsub, f"{topic}-other", handle),
    ):
        for name in (topic, f"{topic}-other"):
            await pubsub.publish_many(name, numbered(10))
        await inbox.data(20)

    assert most == 2


async def test_entries_of_others(redis: RedisServer, server: Any, topic: str) -> None:
    """Without metadata, with broken metadata, without data."""
    inbox = Inbox()
    await server.xadd(topic, {"data": b"plain"})
    await server.xadd(topic, {"data": b"broken", "metadata": b"{"})
    await server.xadd(topic, {"other": b"field"})

    async with (
        redis_pubsub(redisHost=redis.address, concurrency="1") as pubsub,
        consuming(pubsub, topic, inbox),
    ):
        assert await inbox.data(3) == [b"plain", b"broken", b""]
    assert [message.metadata for message in inbox.messages] == [{}, {}, {}]


async def test_a_stream_is_kept_short(redis: RedisServer, server: Any, topic: str) -> None:
    async with redis_pubsub(redisHost=redis.address, maxLenApprox="100") as pubsub:
        for _ in range(10):
            await pubsub.publish_many(topic, numbered(100))

    assert 100 <= await server.xlen(topic) < 300


async def test_what_was_deleted_is_no_longer_waited_for(redis: RedisServer, server: Any, topic: str) -> None:
    inbox = Inbox()
    await server.xgroup_create(topic, GROUP, "0", mkstream=True)
    gone, there = await server.xadd(topic, {"data": b"gone"}), await server.xadd(topic, {"data": b"there"})
    await server.xreadgroup(GROUP, "dead", {topic: ">"})
    await server.xdel(topic, gone)

    metadata = {"processingTimeout": "100", "redeliverInterval": "50"}
    async with redis_pubsub(redisHost=redis.address, **metadata) as pubsub, consuming(pubsub, topic, inbox):
        assert await inbox.data(1) == [b"there"]

    assert there
    assert await pending(server, topic) == 0


async def test_who_asks_is_told_the_ids_of_the_entries(redis: RedisServer, server: Any, topic: str) -> None:
    places = [StoredPlace() for _ in range(3)]
    async with redis_pubsub(redisHost=redis.address) as pubsub:
        await pubsub.publish(topic, Message(b"1", place=places[0]))
        await pubsub.publish_many(topic, [Message(b"2", place=places[1]), Message(b"3", place=places[2])])
    entries = [name.decode() for name, _ in await server.xrange(topic)]
    assert [place.offset for place in places] == entries
