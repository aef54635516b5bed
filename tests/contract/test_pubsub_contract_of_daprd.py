"""The same of daprd's own pub/sub components, over HTTP: what ours promise is measured by them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest

from contract.daprd_over_http import component, connected
from contract.promises import Cluster
from contract.pubsub_promises import PUBSUBS_OF_DAPRD
from contract.test_pubsub_contract import PubSubContract
from outboard.sidecar.components.port import PubSub
from support.kafka import KafkaBroker
from support.kafka_component import unique
from support.redis import RedisServer
from support.servers import Server

pytestmark = pytest.mark.engine("daprd")


@pytest.fixture
def topic() -> str:
    return unique("topic")


Groups = Callable[[str], str]


@pytest.fixture
def groups() -> Groups:
    """A group's name in this test alone, for brokers that outlive it."""
    names: dict[str, str] = {}
    return lambda group: names.setdefault(group, unique(group))


Start = Callable[..., Cluster]


@pytest.fixture
def daprd_cluster(daprd: Path, tmp_path: Path) -> Start:
    """`daprd_cluster(document)`: who connects is a daprd of its own with the component `document(group)`."""
    folders = (tmp_path / str(number) for number in count())

    def start(
        document: Callable[[str], str], broker: Server | None = None, redelivers: bool = False
    ) -> Cluster:
        async def connect(group: str) -> PubSub:
            return await connected(daprd, next(folders), document(group), redelivers)

        return Cluster(connect, broker)

    return start


class TestInMemoryPubSubOfDaprd(PubSubContract):
    promises = PUBSUBS_OF_DAPRD["in-memory"]

    @pytest.fixture
    async def cluster(self, daprd_cluster: Start) -> AsyncIterator[Cluster]:
        cluster = daprd_cluster(lambda group: component("pubsub.in-memory"))
        yield cluster
        await cluster.restart()


class TestRedisPubSubOfDaprd(PubSubContract):
    promises = PUBSUBS_OF_DAPRD["redis"]
    concurrency: ClassVar[str] = "10"

    @pytest.fixture
    async def cluster(
        self, daprd_cluster: Start, redis: RedisServer, groups: Groups
    ) -> AsyncIterator[Cluster]:
        cluster = self._cluster(daprd_cluster, redis, groups)
        yield cluster
        await cluster.restart()

    @pytest.fixture
    async def crashing(
        self, daprd_cluster: Start, own_redis: RedisServer, groups: Groups
    ) -> AsyncIterator[Cluster]:
        cluster = self._cluster(daprd_cluster, own_redis, groups)
        yield cluster
        await cluster.restart()

    def _cluster(self, start: Start, server: RedisServer, groups: Groups) -> Cluster:
        return start(
            lambda group: component(
                "pubsub.redis", redisHost=server.address, consumerID=groups(group), processingTimeout="1s",
                redeliverInterval="200", concurrency=self.concurrency,
            ),
            server,
        )  # fmt: skip


class TestRedisPubSubOfDaprdOneAtATime(TestRedisPubSubOfDaprd):
    promises = PUBSUBS_OF_DAPRD["redis, `concurrency` 1"]
    concurrency = "1"


class TestKafkaPubSubOfDaprd(PubSubContract):
    promises = PUBSUBS_OF_DAPRD["kafka"]

    @pytest.fixture
    async def cluster(
        self, daprd_cluster: Start, kafka_of_four: KafkaBroker, groups: Groups
    ) -> AsyncIterator[Cluster]:
        cluster = self._cluster(daprd_cluster, kafka_of_four, groups)
        yield cluster
        await cluster.restart()

    @pytest.fixture
    async def crashing(
        self, daprd_cluster: Start, own_kafka: KafkaBroker, groups: Groups
    ) -> AsyncIterator[Cluster]:
        cluster = self._cluster(daprd_cluster, own_kafka, groups)
        yield cluster
        await cluster.restart()

    def _cluster(self, start: Start, broker: KafkaBroker, groups: Groups) -> Cluster:
        return start(
            lambda group: component(
                "pubsub.kafka", brokers=broker.address, authType="none", initialOffset="oldest",
                consumerGroup=groups(group), backOffDuration="50ms", sessionTimeout="6s",
                heartbeatInterval="1s",
            ),
            broker,
            redelivers=True,
        )  # fmt: skip
