"""Sizes and names up to the limits of each pub/sub component, and over them."""

from __future__ import annotations

from typing import ClassVar

import pytest

from contract.promises import Cluster, Inbox, consuming
from contract.pubsub_promises import Promises
from outboard.sidecar.components.port import ComponentError, Message

LARGE = 2 * 1024 * 1024
"""Bytes that a component takes that knows no limit; a request to daprd may have twice as many."""


@pytest.mark.anyio
class LimitsContract:
    promises: ClassVar[Promises]

    async def test_an_event_as_large_as_may_be_arrives(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()
        size = self.promises.largest or LARGE
        data = (b"0123456789abcdef" * (size // 16 + 1))[:size]

        async with consuming(pubsub, topic, inbox):
            await pubsub.publish(topic, Message(data))
            (got,) = await inbox.data(1)

        assert got == data

    @pytest.mark.promise("largest")
    async def test_a_larger_one_is_refused_and_the_next_one_arrives(
        self, cluster: Cluster, topic: str
    ) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        async with consuming(pubsub, topic, inbox):
            with pytest.raises(ComponentError, match=r"(?i)too large|larger than"):
                await pubsub.publish(topic, Message(self._too_large()))
            await pubsub.publish(topic, Message(b"next"))
            assert await inbox.data(1) == [b"next"]

    @pytest.mark.promise("largest")
    @pytest.mark.promise("bulk_publishing")
    async def test_of_a_bulk_what_is_too_large_fails_and_the_other_keys_arrive(
        self, cluster: Cluster, topic: str
    ) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()
        messages = [
            Message(b"a1", {"partitionKey": "a"}),
            Message(self._too_large(), {"partitionKey": "a"}),
            Message(b"b1", {"partitionKey": "b"}),
            Message(b"a2", {"partitionKey": "a"}),
        ]

        async with consuming(pubsub, topic, inbox):
            errors = await pubsub.publish_many(topic, messages)
            await pubsub.publish(topic, Message(b"a3", {"partitionKey": "a"}))
            got = await inbox.all_of([b"a1", b"b1", b"a3"])

        assert set(errors) == ({1, 3} if self.promises.holding_back else {1})
        behind = [] if self.promises.holding_back else [b"a2"]
        assert [data for data in got if data.startswith(b"a")] == [b"a1", *behind, b"a3"]

    @pytest.mark.promise("refused_topics")
    async def test_a_name_that_no_topic_can_have_is_refused(self, cluster: Cluster, topic: str) -> None:
        inbox, pubsub = Inbox(), await cluster.connect()

        for name in self.promises.refused_topics:
            with pytest.raises(ComponentError):
                await pubsub.publish(f"{topic}{name}", Message(b"x"))
        async with consuming(pubsub, topic, inbox):
            await pubsub.publish(topic, Message(b"next"))
            assert await inbox.data(1) == [b"next"]

    def _too_large(self) -> bytes:
        assert self.promises.largest is not None
        return b"x" * (self.promises.largest + 1)
