"""What each pub/sub component keeps while its broker crashes, and while consumers come and go."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from contract.promises import Cluster, Inbox, by_key, consuming, first_of_each, keyed, pairs
from contract.pubsub_promises import Promises
from outboard.sidecar.components.port import ComponentError, Message, PubSub


@pytest.mark.anyio
class InterruptionsContract:
    promises: ClassVar[Promises]

    @pytest.mark.promise("broker")
    async def test_a_broker_that_crashes_in_the_middle_loses_nothing_that_it_acknowledged(
        self, crashing: Cluster, topic: str
    ) -> None:
        """While it is away publishing fails; when it is back publishers and consumers go on by themselves."""
        broker, inbox = crashing.broker, Inbox()
        assert broker is not None
        publisher, consumer = await crashing.connect("publisher"), await crashing.connect()
        messages = keyed(60, keys=6)
        data = [message.data for message in messages]

        async with consuming(consumer, topic, inbox):
            for message in messages[:30]:
                await publisher.publish(topic, message)
            await inbox.all_of(data[:10])
            await asyncio.to_thread(broker.kill)
            with pytest.raises(ComponentError):
                await publisher.publish(topic, messages[30])
            starting = asyncio.create_task(asyncio.to_thread(broker.start))
            for message in messages[30:]:
                await _until_taken(publisher, topic, message)
            await starting
            got = pairs(await inbox.all_of(data))

        if not self.promises.order_at_takeover:
            got.sort()
        assert first_of_each(got) == {key: list(range(10)) for key in range(6)}

    @pytest.mark.promise("competition")
    async def test_nothing_is_lost_while_consumers_come_and_go_in_the_middle(
        self, cluster: Cluster, topic: str
    ) -> None:
        """Four times the events are shared out anew; what comes twice is what was in hand then."""
        inbox, published, enough = Inbox(), list[bytes](), asyncio.Event()
        lasting, passing = await cluster.connect("shared"), await cluster.connect("shared")

        async def handle(message: Message) -> None:
            await asyncio.sleep(0.001)
            await inbox(message)

        async def publish() -> None:
            for message in keyed(100_000, keys=20):
                await lasting.publish(topic, message)
                published.append(message.data)
                if enough.is_set():
                    return
                await asyncio.sleep(0.005)

        async with consuming(lasting, topic, handle):
            publishing = asyncio.create_task(publish())
            for _ in range(2):
                await inbox.data(len(inbox.messages) + 40)
                async with consuming(passing, topic, handle):
                    await inbox.data(len(inbox.messages) + 40)
            enough.set()
            await publishing
            got = pairs(await inbox.all_of(published))

        if not self.promises.order_at_takeover:
            got.sort()
        assert first_of_each(got) == by_key(pairs(published))


async def _until_taken(publisher: PubSub, topic: str, message: Message) -> None:
    """What was not acknowledged is published again, by which it may be there twice."""
    async with asyncio.timeout(60):
        while True:
            try:
                await publisher.publish(topic, message)
            except ComponentError:
                await asyncio.sleep(0.1)
            else:
                return
