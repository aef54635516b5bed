"""Publishing and consuming many events in one step, with each pub/sub component that can."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

import pytest

from contract.promises import Cluster, Inbox, bulk_consuming, by_key, consuming, keyed, pairs
from contract.pubsub_promises import Promises
from outboard.sidecar.components.port import Message, NotAcknowledged


@pytest.mark.anyio
class BulkContract:
    promises: ClassVar[Promises]

    @pytest.mark.promise("bulk_publishing")
    @pytest.mark.promise("order")
    async def test_a_batch_is_published_in_order(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            assert await pubsub.publish_many(topic, keyed(300, keys=3)) == {}
            assert await pubsub.publish_many(topic, []) == {}
            got = pairs(await inbox.data(300))

        assert by_key(got) == {key: list(range(100)) for key in range(3)}

    @pytest.mark.promise("bulk_subscribing")
    async def test_batches_are_bounded_and_in_order(self, cluster: Cluster, topic: str) -> None:
        inbox, sizes, pubsub = Inbox(), list[int](), await cluster.connect()
        in_hand: dict[bytes, int] = defaultdict(int)
        most = 0

        async def handle(messages: Sequence[Message]) -> list[NotAcknowledged | None]:
            nonlocal most
            sizes.append(len(messages))
            keys = {message.data.split(b":")[0] for message in messages}
            for key in keys:
                in_hand[key] += 1
            most = max(most, *in_hand.values())
            await asyncio.sleep(0)
            for key in keys:
                in_hand[key] -= 1
            return await inbox.take(messages)

        async with bulk_consuming(pubsub, topic, handle, most=10):
            await asyncio.gather(*(pubsub.publish(topic, message) for message in keyed(200, keys=5)))
            got = pairs(await inbox.data(200))

        assert by_key(got) == {key: list(range(40)) for key in range(5)}
        assert max(sizes) <= 10
        assert most == 1

    @pytest.mark.promise("bulk_subscribing")
    @pytest.mark.promise("redelivery")
    async def test_of_a_batch_what_failed_comes_again(self, cluster: Cluster, topic: str) -> None:
        handled, pubsub = Inbox(), await cluster.connect()
        refused: set[bytes] = set()

        async def handle(messages: Sequence[Message]) -> list[NotAcknowledged | None]:
            """Refuse the fourth of key 0 once, and what comes behind it."""
            outcomes: list[NotAcknowledged | None] = []
            failed = False
            for message in messages:
                key, number = pairs([message.data])[0]
                failed = failed or ((key, number) == (0, 3) and message.data not in refused)
                if failed and key == 0:
                    refused.add(message.data)
                    outcomes.append(NotAcknowledged("no"))
                else:
                    await handled(message)
                    outcomes.append(None)
            return outcomes

        await asyncio.gather(*(pubsub.publish(topic, message) for message in keyed(20, keys=2)))
        async with bulk_consuming(pubsub, topic, handle, most=20):
            got = pairs(await handled.all_of([message.data for message in keyed(20, keys=2)]))

        assert b"0:3" in refused
        if not self.promises.partial_redelivery:
            got = list(dict.fromkeys(got))
        assert by_key(got) == {0: list(range(10)), 1: list(range(10))}
