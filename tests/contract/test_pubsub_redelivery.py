"""What each pub/sub component does with events that were not acknowledged, or whose consumer has gone."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from contract.promises import Cluster, Inbox, by_key, consuming, keyed, pairs
from contract.pubsub_promises import Promises
from outboard.sidecar.components.port import Message, NotAcknowledged


@pytest.mark.anyio
class RedeliveryContract:
    promises: ClassVar[Promises]

    async def test_a_message_that_is_not_acknowledged_does_not_stop_those_of_other_keys(
        self, cluster: Cluster, topic: str
    ) -> None:
        inbox, refused, pubsub = Inbox(), asyncio.Event(), await cluster.connect()

        async def handle(message: Message) -> None:
            await inbox(message)
            if message.data == b"0:0" and not refused.is_set():
                refused.set()
                raise NotAcknowledged("no")

        async with consuming(pubsub, topic, handle):
            for message in keyed(2, keys=2):
                await pubsub.publish(topic, message)
            await inbox.data(2 + self.promises.redelivery)

        assert {message.data for message in inbox.messages} == {b"0:0", b"1:0"}

    @pytest.mark.promise("redelivery")
    async def test_a_message_that_is_not_acknowledged_comes_again(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async def handle(message: Message) -> None:
            await inbox(message)
            if len(inbox.messages) < 4:
                raise NotAcknowledged("no")

        async with consuming(pubsub, topic, handle):
            await pubsub.publish(topic, Message(b"x", {"a": "b"}))
            assert await inbox.data(4) == [b"x"] * 4

        assert all(message.metadata["a"] == "b" for message in inbox.messages)

    @pytest.mark.promise("holding")
    async def test_the_next_of_its_key_waits_for_it(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async def handle(message: Message) -> None:
            await inbox(message)
            if len(inbox.messages) < 4:
                raise NotAcknowledged("no")

        for message in keyed(3, keys=1):
            await pubsub.publish(topic, message)
        async with consuming(pubsub, topic, handle):
            got = pairs(await inbox.data(6))

        assert [number for _, number in got] == [0, 0, 0, 0, 1, 2]

    @pytest.mark.promise("takeover")
    async def test_what_a_consumer_leaves_another_of_its_group_handles(
        self, cluster: Cluster, topic: str
    ) -> None:
        inbox, hung = Inbox(), asyncio.Event()
        first, second = await cluster.connect("shared"), await cluster.connect("shared")

        async def hang(message: Message) -> None:
            hung.set()
            await asyncio.Event().wait()

        async with consuming(first, topic, hang):
            for message in keyed(40, keys=20):
                await first.publish(topic, message)
            async with asyncio.timeout(60):
                await hung.wait()
        async with consuming(second, topic, inbox):
            got = pairs(await inbox.data(40))

        if not self.promises.order_at_takeover:
            got.sort()
        assert by_key(got) == {key: [0, 1] for key in range(20)}

    @pytest.mark.promise("durability")
    async def test_a_group_goes_on_where_it_was_after_a_restart(self, cluster: Cluster, topic: str) -> None:
        before, after = Inbox(), Inbox()
        pubsub = await cluster.connect()
        async with consuming(pubsub, topic, before):
            for message in keyed(20, keys=5):
                await pubsub.publish(topic, message)
            await before.data(20)
        await pubsub.publish(topic, Message(b"new"))

        await cluster.restart()
        async with consuming(await cluster.connect(), topic, after):
            assert await after.data(1) == [b"new"]

        assert len(before.messages) == 20
