"""The same of daprd's own pub/sub components, over HTTP: what ours promise is measured by them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest

from contract.daprd_over_http import component, connected
from contract.promises import Cluster
from contract.pubsub_promises import Promises
from contract.test_pubsub_contract import PubSubContract
from outboard.sidecar.components.port import PubSub
from support.kafka import KafkaBroker
from support.kafka_component import unique
from support.redis import RedisServer

pytestmark = pytest.mark.engine("daprd")


@pytest.fixture
def topic() -> str:
    return unique("topic")


@pytest.fixture
def groups() -> Callable[[str], str]:
    """A group's name in this test alone, for brokers that outlive it."""
    names: dict[str, str] = {}
    return lambda group: names.setdefault(group, unique(group))


class TestInMemoryPubSubOfDaprd(PubSubContract):
    promises = Promises(any_headers=False, between_apps=False, order_without_key=True, one_at_a_time=True)

    @pytest.fixture
    async def cluster(self, daprd: Path, tmp_path: Path) -> AsyncIterator[Cluster]:
        folders = (tmp_path / str(number) for number in count())

        async def connect(group: str) -> PubSub:
            return await connected(daprd, next(folders), component("pubsub.in-memory"))

        cluster = Cluster(connect)
        yield cluster
        await cluster.restart()


class TestRedisPubSubOfDaprd(PubSubContract):
    promises = Promises(
        any_headers=False, retention=True, competition=True, takeover=True, durability=True,
        order=False, order_at_takeover=False,
        topics=("task-events", "A", "a.b_c-d", "*", "a b", "\u00e9", "x" * 300),
    )  # fmt: skip
    concurrency: str = "10"

    @pytest.fixture
    async def cluster(
        self, daprd: Path, redis: RedisServer, tmp_path: Path, groups: Callable[[str], str]
    ) -> AsyncIterator[Cluster]:
        folders = (tmp_path / str(number) for number in count())

        async def connect(group: str) -> PubSub:
            document = component(
                "pubsub.redis", redisHost=redis.address, consumerID=groups(group), processingTimeout="1s",
                redeliverInterval="200", concurrency=self.concurrency,
            )  # fmt: skip
            return await connected(daprd, next(folders), document)

        cluster = Cluster(connect)
        yield cluster
        await cluster.restart()


class TestRedisPubSubOfDaprdOneAtATime(TestRedisPubSubOfDaprd):
    promises = Promises(
        any_headers=False, retention=True, competition=True, takeover=True, durability=True,
        order_without_key=True, one_at_a_time=True, order_at_takeover=False,
    )  # fmt: skip
    concurrency = "1"


class TestKafkaPubSubOfDaprd(PubSubContract):
    promises = Promises(
        any_headers=False, retention=True, redelivery=True, holding=True, competition=True, takeover=True,
        durability=True, bulk_publishing=True, bulk_subscribing=True, partial_redelivery=False,
    )  # fmt: skip

    @pytest.fixture
    async def cluster(
        self, daprd: Path, kafka_of_four: KafkaBroker, tmp_path: Path, groups: Callable[[str], str]
    ) -> AsyncIterator[Cluster]:
        folders = (tmp_path / str(number) for number in count())

        async def connect(group: str) -> PubSub:
            document = component(
                "pubsub.kafka", brokers=kafka_of_four.address, authType="none", initialOffset="oldest",
                consumerGroup=groups(group), backOffDuration="50ms", sessionTimeout="6s",
                heartbeatInterval="1s",
            )  # fmt: skip
            return await connected(daprd, next(folders), document, redelivers=True)

        cluster = Cluster(connect)
        yield cluster
        await cluster.restart()
