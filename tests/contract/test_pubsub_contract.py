"""What every pub/sub component must do, asked of each adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from outboard.sidecar.components.port import Handler, Message, NotAcknowledged, PubSub
from outboard.sidecar.components.pubsub_in_memory import Broker, InMemoryPubSub

MakePubSub: TypeAlias = Callable[[str], PubSub]
"""The component as the sidecar of the app of this id sees it."""


@dataclass
class Inbox:
    """A handler that notes what it gets."""

    messages: list[Message] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, message: Message) -> None:
        async with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    async def data(self, count: int) -> list[bytes]:
        """The data of the first `count` messages, waited for."""
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
            return [message.data for message in self.messages]


@asynccontextmanager
async def consuming(pubsub: PubSub, topic: str, handle: Handler) -> AsyncIterator[None]:
    """The subscription is there inside the block, and gone after it."""
    subscribed = asyncio.Event()
    consumer = asyncio.create_task(pubsub.consume(topic, {}, handle, subscribed.set))
    waiting = asyncio.create_task(subscribed.wait())
    await asyncio.wait({consumer, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    waiting.cancel()
    try:
        yield
    finally:
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer


def numbered(count: int) -> list[Message]:
    return [Message(str(index).encode()) for index in range(count)]


@pytest.mark.anyio
class PubSubContract:
    """A subclass gives the fixture `make`."""

    async def test_a_message_arrives_whole(self, make: MakePubSub) -> None:
        inbox, message = Inbox(), Message(b"\x00 data", {"partitionKey": "k"}, "application/json")
        pubsub = make("app")

        async with consuming(pubsub, "t", inbox):
            await pubsub.publish("t", message)
            await inbox.data(1)

        (got,) = inbox.messages
        assert (got.data, got.metadata["partitionKey"]) == (message.data, "k")

    async def test_messages_of_one_publisher_arrive_in_order(self, make: MakePubSub) -> None:
        inbox, pubsub = Inbox(), make("app")

        async with consuming(pubsub, "t", inbox):
            for message in numbered(200):
                await pubsub.publish("t", message)
            got = await inbox.data(200)

        assert got == [message.data for message in numbered(200)]

    async def test_a_handler_has_one_message_at_a_time(self, make: MakePubSub) -> None:
        inbox, pubsub = Inbox(), make("app")
        running: list[int] = []
        most = 0

        async def handle(message: Message) -> None:
            nonlocal most
            running.append(1)
            most = max(most, len(running))
            await asyncio.sleep(0)
            running.pop()
            await inbox(message)

        async with consuming(pubsub, "t", handle):
            await asyncio.gather(*(pubsub.publish("t", message) for message in numbered(20)))
            await inbox.data(20)

        assert most == 1

    async def test_every_app_gets_every_message(self, make: MakePubSub) -> None:
        first, second = Inbox(), Inbox()

        async with consuming(make("one"), "t", first), consuming(make("two"), "t", second):
            for message in numbered(5):
                await make("publisher").publish("t", message)
            got = await first.data(5), await second.data(5)

        assert got[0] == got[1] == [message.data for message in numbered(5)]

    async def test_a_topic_does_not_see_another_one(self, make: MakePubSub) -> None:
        inbox, other, pubsub = Inbox(), Inbox(), make("app")

        async with consuming(pubsub, "t", inbox), consuming(pubsub, "t2", other):
            await pubsub.publish("t2", Message(b"other"))
            await pubsub.publish("t", Message(b"mine"))
            await other.data(1)
            assert await inbox.data(1) == [b"mine"]

    async def test_publishing_to_nobody_succeeds(self, make: MakePubSub) -> None:
        await make("app").publish("nobody", Message(b"x"))

    async def test_a_message_that_is_not_acknowledged_does_not_stop_the_next(self, make: MakePubSub) -> None:
        inbox, pubsub = Inbox(), make("app")

        async def handle(message: Message) -> None:
            if message.data == b"0" and not inbox.messages:
                await inbox(message)
                raise NotAcknowledged("no")
            await inbox(message)

        async with consuming(pubsub, "t", handle):
            for message in numbered(2):
                await pubsub.publish("t", message)
            await inbox.data(2)

        assert {message.data for message in inbox.messages} == {b"0", b"1"}

    async def test_nothing_is_handled_once_the_consumer_is_gone(self, make: MakePubSub) -> None:
        inbox, pubsub = Inbox(), make("app")
        async with consuming(pubsub, "t", inbox):
            pass

        await pubsub.publish("t", Message(b"late"))
        async with consuming(pubsub, "t2", again := Inbox()):
            await pubsub.publish("t2", Message(b"x"))
            await again.data(1)

        assert inbox.messages == []

    async def test_a_consumer_that_is_cancelled_in_its_handler_ends(self, make: MakePubSub) -> None:
        entered, pubsub = asyncio.Event(), make("app")

        async def hang(message: Message) -> None:
            entered.set()
            await asyncio.Event().wait()

        async with asyncio.timeout(30), consuming(pubsub, "t", hang):
            await pubsub.publish("t", Message(b"x"))
            await entered.wait()


class TestInMemoryPubSub(PubSubContract):
    @pytest.fixture
    def make(self) -> MakePubSub:
        broker = Broker()
        return lambda app_id: InMemoryPubSub(broker, app_id)


class TestInMemoryPubSubWithBacklog(PubSubContract):
    @pytest.fixture
    def make(self) -> MakePubSub:
        broker = Broker()
        broker.keep(100)
        return lambda app_id: InMemoryPubSub(broker, app_id)
