"""The brokers of the system under test, each with its sidecar, and what lies on them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Protocol

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chaos.business import DEAD_TOPIC, PUBSUB, TOPIC, payload_of
from chaos.databases import ROOT, Undo, frozen, locked
from chaos.evidence import OnBroker
from engines.record import read_record
from outboard.wire.replays import REPLAY_ID
from support.kafka import KafkaBroker
from support.processes import outboard
from support.servers import Server

__all__ = ["Broker", "SidecarPorts", "opened_broker"]

PARTITIONS: Final = 8
READ_LIMIT: Final = 60_000
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec:
  type: {type}
  version: v1
  metadata:
{items}"""


class SidecarPorts(Protocol):
    """What a sidecar listens at, and where its app does."""

    http: int
    grpc: int
    internal: int
    metrics: int
    app: int
    app_host: str


class Broker(Protocol):
    """Where events lie between services."""

    @property
    def server(self) -> Server | None:
        """None where it has no process of its own."""
        ...

    @property
    def component(self) -> str:
        """The resource file of it."""
        ...

    def sidecar(self, app_id: str, ports: SidecarPorts, resources: Path) -> list[str]:
        """The command line of a sidecar."""
        ...

    def freeze(self) -> Undo:
        """Nobody gets an answer, until that is undone."""
        ...

    def records(self, topic: str) -> list[OnBroker]:
        """Everything that lies on a topic, read from the broker itself."""
        ...


class SqliteBroker:
    """`pubsub.sqlite` on Outboard's own sidecar."""

    server = None

    def __init__(self, folder: Path) -> None:
        self._file = folder / "events.db"

    @property
    def component(self) -> str:
        items = {
            "connectionString": self._file.as_posix(),
            "partitions": str(PARTITIONS),
            "backOffDuration": "500ms",
            "sessionTimeout": "8s",
            "heartbeatInterval": "1s",
        }
        return _component("pubsub.sqlite", items)

    def sidecar(self, app_id: str, ports: SidecarPorts, resources: Path) -> list[str]:
        flags = ["--app-id", app_id, "--dapr-http-port", str(ports.http)]
        flags += ["--dapr-grpc-port", str(ports.grpc), "--resources-path", str(resources)]
        return outboard("sidecar", *flags, *_app(ports))

    def freeze(self) -> Undo:
        return locked(self._file)

    def records(self, topic: str) -> list[OnBroker]:
        query = (
            "SELECT e.partition, e.offset, e.data FROM events e JOIN topics t ON e.topic = t.id"
            " WHERE t.name = ? ORDER BY e.offset"
        )
        with closing(sqlite3.connect(self._file, timeout=60)) as connection:
            return [_record(*row) for row in connection.execute(query, [topic])]


class KafkaOnDaprd:
    """Kafka, behind the real daprd."""

    def __init__(self, server: KafkaBroker, daprd: Path) -> None:
        self.server = server
        self._daprd = daprd

    @property
    def component(self) -> str:
        items = {
            "brokers": self.server.address,
            "authType": "none",
            "consumerGroup": "ledger",
            "initialOffset": "oldest",
            "consumeRetryEnabled": "true",
            "consumeRetryInterval": "200ms",
            "backOffPolicy": "constant",
            "backOffDuration": "500ms",
            "backOffMaxRetries": "-1",
            "producerRequiredAcks": "all",
            "escapeHeaders": "true",
            "sessionTimeout": "8s",
            "heartbeatInterval": "1s",
            "version": "2.8.0",
        }
        return _component("pubsub.kafka", items)

    def sidecar(self, app_id: str, ports: SidecarPorts, resources: Path) -> list[str]:
        flags = ["--app-id", app_id, "--dapr-http-port", str(ports.http), "--mode", "standalone"]
        flags += ["--dapr-grpc-port", str(ports.grpc), "--dapr-internal-grpc-port", str(ports.internal)]
        flags += ["--metrics-port", str(ports.metrics), "--dapr-listen-addresses", "127.0.0.1"]
        # Without this one daprd 1.18 loses events: see docs/explanation/proof.md.
        flags += ["--app-max-concurrency", "1", "--resources-path", str(resources)]
        return [str(self._daprd), *flags, *_app(ports)]

    def freeze(self) -> Undo:
        return frozen([psutil.Process(self.server.pid)])

    def records(self, topic: str) -> list[OnBroker]:
        return asyncio.run(_read(self.server.address, topic))

    async def make_topics(self) -> None:
        """Both topics, with several partitions."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.server.address)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in (TOPIC, DEAD_TOPIC)])
        finally:
            await admin.close()


async def _read(address: str, topic: str) -> list[OnBroker]:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await consumer.start()
    try:
        numbers = consumer.partitions_for_topic(topic) or {*range(PARTITIONS)}
        places = [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[OnBroker] = []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(timeout_ms=READ_LIMIT)).values():
                found += [_record(each.partition, each.offset, each.value) for each in records]
        return found
    finally:
        await consumer.stop()


def _app(ports: SidecarPorts) -> list[str]:
    """The flags that say where the app is, if there is one."""
    flags = ["--app-port", str(ports.app), "--app-channel-address", ports.app_host]
    return flags if ports.app else []


def _record(partition: int, offset: int, content: bytes) -> OnBroker:
    event = json.loads(content)
    data = event["data"]
    replay = str(event.get(REPLAY_ID, ""))
    return OnBroker(event["id"], data["key"], payload_of(data), partition, offset, replay)


def _component(type: str, items: Mapping[str, str]) -> str:
    lines: Iterable[str] = (f'    - {{name: {name}, value: "{value}"}}\n' for name, value in items.items())
    return COMPONENT.format(name=PUBSUB, type=type, items="".join(lines))


@contextmanager
def opened_broker(kind: str, folder: Path) -> Iterator[Broker]:
    """A broker of `kind`, `sqlite` or `kafka`, with its topics. Raises LookupError."""
    if kind == "sqlite":
        yield SqliteBroker(folder)
        return
    home, daprd = _places("kafka", "daprd")
    (folder / "kafka").mkdir()
    server = KafkaBroker(home, folder / "kafka", {"group.min.session.timeout.ms": "1000"})
    server.start()
    try:
        broker = KafkaOnDaprd(server, daprd)
        asyncio.run(broker.make_topics())
        yield broker
    finally:
        server.stop()


def _places(*names: str) -> Sequence[Path]:
    record = read_record(ROOT)
    if missing := [name for name in names if name not in record]:
        raise LookupError(" ".join(missing))
    return [record[name] for name in names]
