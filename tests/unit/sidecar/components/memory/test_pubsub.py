"""What `pubsub.in-memory` does beyond the contract of every pub/sub component."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.sidecar.components.context import ComponentContext, SharedMemory
from outboard.sidecar.components.memory import pubsub as pubsub_in_memory
from outboard.sidecar.components.memory.pubsub import CONSUMER_QUEUE, Broker, InMemoryPubSub
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import Message, MessageHandler, NotAcknowledged, PubSub

pytestmark = pytest.mark.anyio


class Collected:
    def __init__(self) -> None:
        self.data: list[str] = []

    async def __call__(self, message: Message) -> None:
        self.data.append(message.data.decode())


@asynccontextmanager
async def consuming(pubsub: PubSub, topic: str, handle: MessageHandler) -> AsyncIterator[None]:
    subscribed = asyncio.Event()
    task = asyncio.create_task(pubsub.consume(topic, {}, handle, subscribed.set))
    await subscribed.wait()
    try:
        yield
    finally:
        await settle()
        task.cancel()
        await asyncio.wait({task})


async def settle() -> None:
    """Let every task run until it waits: in memory, nothing waits for anything but other tasks."""
    for _ in range(50):
        await asyncio.sleep(0)


async def publish(pubsub: PubSub, topic: str, *data: object) -> None:
    for item in data:
        await pubsub.publish(topic, Message(str(item).encode()))


def app(broker: Broker, app_id: str = "app") -> InMemoryPubSub:
    return InMemoryPubSub(broker, app_id)


def keeping(backlog: int) -> Broker:
    broker = Broker()
    broker.keep(backlog)
    return broker


async def test_what_is_published_before_anybody_subscribes_is_gone() -> None:
    broker, got = Broker(), Collected()
    await publish(app(broker), "t", "early")

    async with consuming(app(broker), "t", got):
        await publish(app(broker), "t", "late")

    assert got.data == ["late"]


async def test_two_subscriptions_of_one_app_to_one_topic_each_get_every_event() -> None:
    broker, first, second = Broker(), Collected(), Collected()

    async with consuming(app(broker), "t", first), consuming(app(broker), "t", second):
        await publish(app(broker), "t", 1, 2)

    assert first.data == second.data == ["1", "2"]


@pytest.mark.parametrize(
    ("pattern", "topic", "arrives"),
    [
        ("orders/*", "orders/new", True),
        ("orders/*", "orders/", False),
        ("orders/*", "orders", False),
        ("*", "anything", True),
        ("*", "", False),
        ("a*c", "abc", False),
        ("orders/*", "orders/*", True),
    ],
)
async def test_a_trailing_star_takes_what_begins_so_and_goes_on(
    pattern: str, topic: str, arrives: bool
) -> None:
    broker, got = Broker(), Collected()

    async with consuming(app(broker), pattern, got):
        await publish(app(broker), topic, 1)

    assert got.data == (["1"] if arrives else [])


async def test_a_full_queue_makes_the_publisher_wait_until_an_event_is_done() -> None:
    broker, release, done = Broker(), asyncio.Event(), Collected()

    async def handle(message: Message) -> None:
        await release.wait()
        await done(message)

    async with consuming(app(broker), "t", handle):
        await publish(app(broker), "t", *range(CONSUMER_QUEUE))
        waiting = asyncio.create_task(publish(app(broker), "t", "last"))
        await settle()
        assert not waiting.done()

        release.set()
        await waiting

    assert done.data[-1] == "last"
    assert len(done.data) == CONSUMER_QUEUE + 1


async def test_a_full_consumer_that_leaves_frees_its_publishers() -> None:
    broker = Broker()

    async def hang(message: Message) -> None:
        await asyncio.Event().wait()

    async with consuming(app(broker), "t", hang):
        await publish(app(broker), "t", *range(CONSUMER_QUEUE))
        waiting = [asyncio.create_task(publish(app(broker), "t", n)) for n in range(3)]
        await settle()

    await asyncio.gather(*waiting)


async def test_while_one_consumer_is_full_no_other_gets_the_waiting_event() -> None:
    """Else a publisher that gives up and publishes again would duplicate it."""
    broker, got = Broker(), Collected()

    async def hang(message: Message) -> None:
        await asyncio.Event().wait()

    async with consuming(app(broker, "slow"), "t", hang), consuming(app(broker, "fast"), "t", got):
        await publish(app(broker), "t", *range(CONSUMER_QUEUE))
        waiting = asyncio.create_task(publish(app(broker), "t", "last"))
        await settle()
        waiting.cancel()
        await asyncio.wait({waiting})

    assert "last" not in got.data


async def test_a_failed_event_is_lost_with_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    broker, got = Broker(), Collected()

    async def handle(message: Message) -> None:
        await got(message)
        raise NotAcknowledged("the app answered 500")

    async with consuming(app(broker), "t", handle):
        await publish(app(broker), "t", 1)

    assert got.data == ["1"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "topic 't'" in record.message
    assert "the app answered 500" in record.message


async def test_a_defect_in_the_handler_is_not_swallowed() -> None:
    broker = Broker()

    async def handle(message: Message) -> None:
        raise ZeroDivisionError

    subscribed = asyncio.Event()
    task = asyncio.create_task(app(broker).consume("t", {}, handle, subscribed.set))
    await subscribed.wait()
    await publish(app(broker), "t", 1)

    with pytest.raises(ZeroDivisionError):
        await task


# With a backlog


async def test_a_first_subscription_gets_the_most_recent_events_of_its_topic_in_order() -> None:
    broker, got = keeping(2), Collected()
    await publish(app(broker), "t", 1, 2, 3)
    await publish(app(broker), "u", "other")

    async with consuming(app(broker), "t", got):
        await publish(app(broker), "t", 4)

    assert got.data == ["2", "3", "4"]


async def test_a_wildcard_gets_the_backlog_of_all_its_topics_in_the_order_of_publishing() -> None:
    broker, got = keeping(5), Collected()
    for topic, data in [("a/1", "x"), ("a/2", "y"), ("b/1", "no"), ("a/1", "z")]:
        await publish(app(broker), topic, data)

    async with consuming(app(broker), "a/*", got):
        pass

    assert got.data == ["x", "y", "z"]


async def test_each_app_gets_the_backlog_once() -> None:
    broker, first, second, again = keeping(5), Collected(), Collected(), Collected()
    await publish(app(broker), "t", 1)

    async with consuming(app(broker, "one"), "t", first):
        pass
    async with consuming(app(broker, "one"), "t", again):
        pass
    async with consuming(app(broker, "two"), "t", second):
        pass

    assert (first.data, again.data, second.data) == (["1"], [], ["1"])


async def test_a_consumer_that_was_away_goes_on_where_it_stopped() -> None:
    broker, before, after = keeping(1), Collected(), Collected()
    async with consuming(app(broker), "t", before):
        await publish(app(broker), "t", 1)

    await publish(app(broker), "t", 2, 3, 4)
    async with consuming(app(broker), "t", after):
        await publish(app(broker), "t", 5)

    assert (before.data, after.data) == (["1"], ["2", "3", "4", "5"])


async def test_an_event_that_was_being_handled_when_the_consumer_left_is_delivered_again() -> None:
    broker, got = keeping(1), Collected()

    async def hang(message: Message) -> None:
        await asyncio.Event().wait()

    async with consuming(app(broker), "t", hang):
        await publish(app(broker), "t", 1, 2)
    async with consuming(app(broker), "t", got):
        pass

    assert got.data == ["1", "2"]


async def test_without_a_backlog_it_is_lost() -> None:
    broker, got = Broker(), Collected()

    async def hang(message: Message) -> None:
        await asyncio.Event().wait()

    async with consuming(app(broker), "t", hang):
        await publish(app(broker), "t", 1, 2)
    async with consuming(app(broker), "t", got):
        pass

    assert got.data == []


async def test_a_publisher_never_waits_for_a_consumer_that_is_away_and_the_oldest_is_dropped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker, got = keeping(1), Collected()
    async with consuming(app(broker), "t", Collected()):
        pass

    await publish(app(broker), "t", *range(CONSUMER_QUEUE + 2))
    release = asyncio.Event()

    async def handle(message: Message) -> None:
        await got(message)
        if len(got.data) == CONSUMER_QUEUE:
            release.set()

    async with consuming(app(broker), "t", handle):
        await release.wait()

    assert (got.data[0], got.data[-1], len(got.data)) == ("2", str(CONSUMER_QUEUE + 1), CONSUMER_QUEUE)
    (warning,) = caplog.records
    assert "app 'app' is away" in warning.message
    assert "`backlog`" in warning.message


# From a component


def properties(**values: str) -> Properties:
    items = tuple(MetadataItem(name, value, line=7) for name, value in values.items())
    return Properties(Component("kafka-pubsub", "pubsub.in-memory", metadata=items), values)


async def test_sidecars_with_one_shared_memory_share_the_topics_of_a_component() -> None:
    memory, got = SharedMemory(), Collected()
    backend = await pubsub_in_memory.create(properties(), ComponentContext("backend", memory=memory))
    notifier = await pubsub_in_memory.create(properties(), ComponentContext("notifier", memory=memory))

    async with consuming(notifier, "t", got):
        await publish(backend, "t", 1)

    assert got.data == ["1"]


async def test_sidecars_with_memories_of_their_own_do_not() -> None:
    got = Collected()
    backend = await pubsub_in_memory.create(properties(), ComponentContext("backend"))
    notifier = await pubsub_in_memory.create(properties(), ComponentContext("notifier"))

    async with consuming(notifier, "t", got):
        await publish(backend, "t", 1)

    assert got.data == []


async def test_the_backlog_of_the_component_counts() -> None:
    memory, got = SharedMemory(), Collected()
    backend = await pubsub_in_memory.create(
        properties(backlog="10"), ComponentContext("backend", memory=memory)
    )
    await publish(backend, "t", 1)
    notifier = await pubsub_in_memory.create(properties(backlog="10"), ComponentContext("n", memory=memory))

    async with consuming(notifier, "t", got):
        pass

    assert got.data == ["1"]


@pytest.mark.parametrize("backlog", ["-1", "many", "1.5"])
async def test_a_backlog_that_is_no_number(backlog: str) -> None:
    with pytest.raises(
        ComponentInitFailed, match=r":7 could not be set up: `backlog` must be a whole number"
    ):
        await pubsub_in_memory.create(properties(backlog=backlog), ComponentContext("app"))
