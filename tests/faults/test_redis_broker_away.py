"""Redis crashes or is away: what is acknowledged is kept, requests say why they fail, and all goes on."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contract.promises import Inbox, consuming
from outboard.sidecar.components.port import ComponentError, Message, Set
from outboard.sidecar.components.redis.pubsub import RedisPubSub
from support.redis import RedisServer
from support.redis_component import redis_pubsub, redis_state
from support.waiting import until

pytestmark = pytest.mark.anyio

KEYS, NUMBERS, KILLS = 200, 100, 3
EVENTS = KEYS * NUMBERS
SOON = {"processingTimeout": "2000", "redeliverInterval": "300"}


async def publish_in_order(pubsub: RedisPubSub, key: int, acknowledged: set[bytes]) -> None:
    """One event after the other; what is refused comes again until it is taken."""
    for number in range(NUMBERS):
        message = Message(f"{key}:{number}".encode(), {"partitionKey": str(key)})
        while message.data not in acknowledged:
            try:
                await pubsub.publish("events", message)
            except ComponentError:
                await asyncio.sleep(0.1)
            else:
                acknowledged.add(message.data)


@asynccontextmanager
async def publishing(pubsub: RedisPubSub, acknowledged: set[bytes]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as publishers:
        for key in range(KEYS):
            publishers.create_task(publish_in_order(pubsub, key, acknowledged))
        yield


async def test_nothing_acknowledged_is_lost_when_redis_is_killed(
    own_redis: RedisServer,
) -> None:
    acknowledged, handled = set[bytes](), Counter[bytes]()

    async def handle(message: Message) -> None:
        handled[message.data] += 1

    async with (
        redis_pubsub("publisher", redisHost=own_redis.address) as publisher,
        redis_pubsub("consumer", redisHost=own_redis.address, **SOON) as consumer,
        consuming(consumer, "events", handle),
        publishing(publisher, acknowledged),
    ):
        for kill in range(KILLS):
            await until(lambda reached=EVENTS * (kill + 1) // (KILLS + 1): len(handled) >= reached)  # type: ignore[misc]
            await asyncio.to_thread(own_redis.restart)
        await until(lambda: len(acknowledged) == EVENTS and handled.keys() >= acknowledged)

    duplicates = handled.total() - EVENTS
    logging.getLogger(__name__).warning(
        "%d of %d events came twice", duplicates, EVENTS
    )  # --log-cli-level=30
    assert handled.keys() == acknowledged
    # An event comes twice where the answer to its publisher, or its acknowledgement, was lost in a crash: no
    # more than were on their way.
    assert duplicates <= KILLS * 2 * (KEYS + 100)


async def test_requests_fail_with_the_reason_and_all_goes_on_when_redis_is_back(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    inbox = Inbox()
    away = f"no answer from Redis at {own_redis.address}: "
    async with (
        redis_pubsub(redisHost=own_redis.address) as pubsub,
        redis_state(redisHost=own_redis.address, redisMaxRetries="-1") as state,
        consuming(pubsub, "events", inbox),
    ):
        await pubsub.publish("events", Message(b"before"))
        await inbox.data(1)
        await asyncio.to_thread(own_redis.kill)

        with pytest.raises(ComponentError, match=f"^redis streams: error from publish: {away}"):
            await pubsub.publish("events", Message(b"lost"))
        errors = await pubsub.publish_many("events", [Message(b"lost"), Message(b"lost")])
        refused = f"redis streams: error from publish: {away}"
        assert [str(errors[index]).startswith(refused) for index in (0, 1)] == [True, True]
        with pytest.raises(ComponentError, match=f"^failed to set key k: {away}"):
            await state.set(Set("k", 1))
        with pytest.raises(ComponentError, match=away):
            await state.get(["k"])
        found = await state.get(["k", "l"])
        assert [found[key].problem.startswith(away) for key in ("k", "l")] == [True, True]

        await asyncio.to_thread(own_redis.start)
        await pubsub.publish("events", Message(b"after"))
        assert await inbox.data(2) == [b"before", b"after"]
        await until(lambda: "reading from stream events goes on" in caplog.text)

    assert sum("cannot read from stream events" in record.message for record in caplog.records) == 1


async def test_a_redis_that_lost_its_data_gets_its_group_again(
    redis_servers: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    forgetful, inbox = redis_servers(), Inbox()
    async with redis_pubsub(redisHost=forgetful.address) as pubsub, consuming(pubsub, "events", inbox):
        await pubsub.publish("events", Message(b"1"))
        await inbox.data(1)

        await asyncio.to_thread(forgetful.restart)
        await pubsub.publish("events", Message(b"2"))

        assert await inbox.data(2) == [b"1", b"2"]
    assert "stream events has no group app" in caplog.text


async def test_a_frozen_redis_is_noticed_and_nothing_is_acknowledged_that_it_does_not_have(
    own_redis: RedisServer,
) -> None:
    inbox = Inbox()
    quick = {"redisHost": own_redis.address, "readTimeout": "300ms", "redisMaxRetries": "-1"}
    async with redis_pubsub(**quick) as pubsub, consuming(pubsub, "events", inbox):
        with own_redis.paused(), pytest.raises(ComponentError, match="no answer from Redis"):
            await pubsub.publish("events", Message(b"perhaps"))
        await pubsub.publish("events", Message(b"surely"))

        await until(lambda: b"surely" in [message.data for message in inbox.messages])


async def test_what_a_consumer_had_that_was_killed_another_handles(own_redis: RedisServer) -> None:
    """Its process ends without a word: the connection is cut, nothing is acknowledged."""
    handled, taken = Inbox(), asyncio.Event()

    async def hang(message: Message) -> None:
        taken.set()
        await asyncio.Event().wait()

    shared = {"redisHost": own_redis.address, **SOON}
    async with redis_pubsub("shared", **shared) as dying, consuming(dying, "events", hang):
        await dying.publish("events", Message(b"in its hands"))
        await taken.wait()
    async with redis_pubsub("shared", **shared) as other, consuming(other, "events", handled):
        assert await handled.data(1) == [b"in its hands"]
