"""A member of a consumer group is frozen past its session, or killed: its partitions move whole."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from contract.promises import Inbox, consuming
from faults.kafka_consumer import SESSION
from outboard.sidecar.components.port import Message
from support.kafka import KafkaBroker
from support.kafka_component import kafka_pubsub, unique
from support.waiting import until

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[1]


class Member:
    """The process, and the lines that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._more = asyncio.Condition()

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._more:
                self.lines.append(line.decode().strip())
                self._more.notify_all()

    async def said(self, text: str) -> None:
        async with asyncio.timeout(60), self._more:
            await self._more.wait_for(lambda: text in self.lines)

    def handled(self) -> list[str]:
        return [line.removeprefix("done ") for line in self.lines if line.startswith("done ")]

    def freeze(self) -> None:
        psutil.Process(self.process.pid).suspend()

    def thaw(self) -> None:
        psutil.Process(self.process.pid).resume()


@asynccontextmanager
async def member(broker: KafkaBroker, group: str, topic: str, pause: float) -> AsyncIterator[Member]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(TESTS / "faults" / "kafka_consumer.py"),
        stdout=asyncio.subprocess.PIPE,
        env={
            "BROKERS": broker.address, "GROUP": group, "TOPIC": topic, "PAUSE": str(pause),
            "PYTHONPATH": str(TESTS),
        },
    )  # fmt: skip
    found = Member(process)
    reading = asyncio.create_task(found.read())
    try:
        await found.said("subscribed")
        yield found
    finally:
        if process.returncode is None:
            found.thaw()
            process.kill()
        await process.wait()
        await reading


def texts(inbox: Inbox) -> set[str]:
    return {message.data.decode() for message in inbox.messages}


@pytest.fixture(scope="module")
def quick_kafka(kafka_brokers: Callable[..., KafkaBroker]) -> KafkaBroker:
    return kafka_brokers({"group.min.session.timeout.ms": "500"})


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only POSIX can freeze a process by a signal")
@pytest.mark.parametrize("stays", [True, False], ids=["the owner stays", "the owner has left"])
async def test_a_frozen_member_does_not_commit_over_the_new_owner(
    quick_kafka: KafkaBroker, stays: bool
) -> None:
    """What it commits late would bring back all that the other has settled."""
    topic, group, inbox, again = unique("frozen"), unique("group"), Inbox(), Inbox()
    numbers = [str(number) for number in range(20)]
    async with (
        member(quick_kafka, group, topic, pause=0.2) as frozen,
        kafka_pubsub(quick_kafka.address, group, **SESSION) as other,
    ):
        for number in numbers:
            await other.publish(topic, Message(number.encode(), {"partitionKey": "k"}))
        await frozen.said("begin 5")
        frozen.freeze()
        async with AsyncExitStack() as owning:
            await owning.enter_async_context(consuming(other, topic, inbox))
            await until(lambda: numbers[-1] in texts(inbox))
            taken = [message.data.decode() for message in inbox.messages]
            if not stays:
                await owning.aclose()
            frozen.thaw()
            await frozen.said("done 5")
            await other.publish(topic, Message(b"later", {"partitionKey": "k"}))
            await until(lambda: "later" in {frozen.handled()[-1], inbox.messages[-1].data.decode()})
    async with kafka_pubsub(quick_kafka.address, group, **SESSION) as last, consuming(last, topic, again):
        await last.publish(topic, Message(b"end", {"partitionKey": "k"}))
        rest = [data.decode() for data in await again.data(1)]

    assert set(frozen.handled()) | texts(inbox) == {*numbers, "later"}
    assert taken == numbers[-len(taken) :]
    assert len(taken) <= 17  # and not only 15: the last offsets before the frost may not have been sent
    assert rest in (["end"], ["later"])


async def test_the_partitions_of_a_killed_member_move(quick_kafka: KafkaBroker) -> None:
    topic, group, inbox = unique("killed"), unique("group"), Inbox()
    quick_kafka.create_topic(topic, partitions=4)
    async with (
        member(quick_kafka, group, topic, pause=0.05) as killed,
        kafka_pubsub(quick_kafka.address, group, **SESSION) as lasting,
        consuming(lasting, topic, inbox),
    ):
        for number in range(200):
            partition = {"partitionNumber": str(number % 4)}
            await lasting.publish(topic, Message(str(number).encode(), partition))
        await until(lambda: len(killed.handled()) >= 20)
        killed.process.kill()
        await killed.process.wait()
        before = len(killed.handled())
        await until(lambda: {*killed.handled(), *texts(inbox)} == {str(each) for each in range(200)})

    twice = len(killed.handled()) + len(inbox.messages) - 200
    assert before >= 20
    assert twice <= 2 * (1 + 3)  # of two partitions: what is in hand, and what a tenth of a second settles
