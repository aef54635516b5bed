"""`outboard subscribe` on Kafka, Redis and SQLite: it sees all, disturbs nobody, and leaves no group."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import redis.asyncio
from aiokafka.admin import AIOKafkaAdminClient

from contract.promises import Inbox, consuming
from faults.sidecars import component as component_file
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.opening import open_components
from outboard.sidecar.components.port import Message, PubSub
from support.kafka_component import unique
from support.processes import Program, eventually, outboard, running
from support.sidecars import component

pytestmark = pytest.mark.anyio

Groups: TypeAlias = Callable[[str], Awaitable[set[str]]]


@dataclass(frozen=True)
class Broker:
    """A component of one type, and how to ask the broker for the groups that know a topic."""

    type: str
    metadata: Mapping[str, str]
    groups: Groups

    @asynccontextmanager
    async def opened(self, app_id: str) -> AsyncIterator[PubSub]:
        """As the sidecar of `app_id` has it."""
        made = component("pubsub", self.type, **self.metadata)
        async with open_components([made], ComponentContext(app_id)) as up:
            yield up.pubsubs["pubsub"].instance

    def written(self, folder: Path) -> Path:
        """The folder of its file."""
        place = folder / "components"
        place.mkdir(exist_ok=True)
        (place / "pubsub.yaml").write_text(component_file(type=self.type, **self.metadata), encoding="utf-8")
        return place

    def tail(self, folder: Path, topic: str, *options: str) -> AbstractAsyncContextManager[Program]:
        command = outboard("subscribe", topic, "--resources-path", str(self.written(folder)), *options)
        return _program(command, folder)


@asynccontextmanager
async def _program(command: list[str], folder: Path) -> AsyncIterator[Program]:
    with running(command, folder) as program:
        yield program


async def kafka_groups(address: str, _topic: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        return {name for name, *_ in await admin.list_consumer_groups()}
    finally:
        await admin.close()


async def redis_groups(url: str, topic: str) -> set[str]:
    async with redis.asyncio.from_url(url) as client:
        return {str(group["name"], "utf-8") for group in await client.xinfo_groups(topic)}


async def sqlite_groups(file: Path, topic: str) -> set[str]:
    with sqlite3.connect(file) as connection:
        rows = connection.execute(
            "SELECT p.consumer_group FROM positions AS p JOIN topics AS t ON t.id = p.topic WHERE t.name = ? "
            "UNION SELECT name FROM groups UNION SELECT consumer_group FROM members",
            (topic,),
        )
        return {name for (name,) in rows.fetchall()}


async def nobody(_topic: str) -> set[str]:
    return set()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("kafka", marks=pytest.mark.engine("kafka")),
        pytest.param("redis", marks=pytest.mark.engine("redis")),
    ]
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    if request.param == "kafka":
        address = request.getfixturevalue("kafka").address
        metadata = {"brokers": address, "authType": "none", "initialOffset": "oldest"}
        return Broker("pubsub.kafka", metadata, lambda topic: kafka_groups(address, topic))
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        return Broker(
            "pubsub.redis", {"redisHost": server.address}, lambda topic: redis_groups(server.url, topic)
        )
    file = tmp_path / "events.db"
    return Broker("pubsub.sqlite", {"connectionString": str(file)}, lambda topic: sqlite_groups(file, topic))


def numbered(*numbers: int) -> list[bytes]:
    return [b'{"specversion":"1.0","id":"%d","source":"s","type":"t","data":%d}' % (n, n) for n in numbers]


def seen(program: Program) -> list[int]:
    """The data of the events that were shown so far."""
    lines = program.output.splitlines(keepends=True)
    return [json.loads(line)["event"]["data"] for line in lines if line[:1] == "{" and line[-1:] == "\n"]


async def shown(program: Program, count: int) -> list[int]:
    await asyncio.to_thread(eventually, lambda: len(seen(program)) >= count, lambda: program.output, program)
    return sorted(seen(program))


async def publish(pubsub: PubSub, topic: str, *numbers: int) -> None:
    for data in numbered(*numbers):
        await pubsub.publish(topic, Message(data))


async def test_it_sees_what_comes_and_other_groups_are_as_before(broker: Broker, tmp_path: Path) -> None:
    topic, worker, inbox = unique("watched"), unique("worker"), Inbox()
    async with broker.opened(worker) as pubsub, consuming(pubsub, topic, inbox):
        await publish(pubsub, topic, 1, 2)
        await inbox.data(2)
        before = await broker.groups(topic)
        async with broker.tail(tmp_path, topic, "-o", "json") as program:
            await asyncio.to_thread(program.wait_for, "Looking on")
            during = await broker.groups(topic)
            await publish(pubsub, topic, 3, 4)
            assert await shown(program, 2) == [3, 4]
            assert await asyncio.to_thread(program.interrupt) == 0
            assert seen(program) == [3, 4]
            assert "Traceback" not in program.output
        await publish(pubsub, topic, 5)
        assert sorted(await inbox.data(5)) == numbered(1, 2, 3, 4, 5), "each once, and none taken away"
    (own,) = during - before
    assert own.startswith("outboard-subscribe-")
    assert own not in await broker.groups(topic)
    assert worker in await broker.groups(topic)


async def test_from_the_beginning_and_so_many(broker: Broker, tmp_path: Path) -> None:
    topic = unique("watched")
    async with broker.opened("worker") as pubsub:
        await publish(pubsub, topic, 1, 2, 3)
        for _ in range(2):
            options = "--from-beginning", "--max-messages", "2", "-o", "json"
            async with broker.tail(tmp_path, topic, *options) as program:
                assert (await shown(program, 2))[:1] == [1]
                await asyncio.to_thread(eventually, lambda: program.ended, lambda: program.output)
                assert program.interrupt() == 0
                assert len(seen(program)) == 2
                assert "WARNING" not in program.output, "nobody asked for the others"
    assert not {name for name in await broker.groups(topic) if name.startswith("outboard-subscribe-")}


async def test_a_topic_that_is_not_there_is_said_at_once(broker: Broker, tmp_path: Path) -> None:
    topic = unique("watched")
    async with broker.opened("worker") as pubsub:
        await publish(pubsub, topic, 1)
        async with broker.tail(tmp_path, f"{topic}x") as program:
            await asyncio.to_thread(program.wait_for, f"Note: there is no topic '{topic}x' yet.")
            if broker.type != "pubsub.redis":  # which does not list its streams
                assert f"Did you mean `{topic}`?" in program.output
            assert await asyncio.to_thread(program.interrupt) == 0
            assert "left behind" not in program.output
        async with broker.tail(tmp_path, topic, "--from-beginning", "--max-messages", "1") as program:
            await asyncio.to_thread(program.wait_for, " 1 t from s 1")
            await asyncio.to_thread(eventually, lambda: program.ended, lambda: program.output)
            assert "Note" not in program.output


async def test_a_reader_that_goes_away_ends_it_with_its_group(broker: Broker, tmp_path: Path) -> None:
    topic = unique("watched")
    async with broker.opened("worker") as pubsub:
        await publish(pubsub, topic, 1)
        place = str(broker.written(tmp_path))
        process = await asyncio.create_subprocess_exec(
            *outboard("subscribe", topic, "--from-beginning", "--resources-path", place),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert b" 1 t from s 1" in await process.stdout.readline()
            process.stdout._transport.close()  # type: ignore[attr-defined]
            await publish(pubsub, topic, 2)
            async with asyncio.timeout(30):
                code = await process.wait()
            assert process.stderr is not None
            said = (await process.stderr.read()).decode("utf-8")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert (code, "left behind" in said) == (1, False), said
    assert not {name for name in await broker.groups(topic) if name.startswith("outboard-subscribe-")}, said


async def test_a_broker_that_does_not_answer_keeps_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = "{}:{}".format(*silent.getsockname())
        mute = Broker("pubsub.redis", {"redisHost": address, "readTimeout": "60s"}, nobody)
        async with mute.tail(tmp_path, "jobs") as program:
            connection, _ = await asyncio.to_thread(silent.accept)
            with connection:
                assert await asyncio.to_thread(program.interrupt) == 0
            assert "Traceback" not in program.output
