"""`outboard topics`: what holds a partition, from the command line, while a sidecar has it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.port import BulkBounds, Message, NotAcknowledged
from outboard.sidecar.components.sqlite.log.settings import LogSettings
from outboard.sidecar.components.sqlite.pubsub import open_log
from support.processes import PATIENCE, outboard

pytestmark = pytest.mark.anyio


class Consumer:
    """Takes all but the event `poison`; of the dead letters all."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.letters: list[Any] = []
        self.lettered = asyncio.Event()

    async def orders(self, messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        events = [json.loads(message.data) for message in messages]
        self.taken += [event["id"] for event in events if event["id"] != "poison"]
        return [NotAcknowledged("no database") if event["id"] == "poison" else None for event in events]

    async def dead(self, messages: Sequence[Message]) -> list[None]:
        self.letters += [json.loads(message.data) for message in messages]
        self.lettered.set()
        return [None] * len(messages)


@pytest.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[Consumer]:
    """At work on a log with an event that holds its partition."""
    made, retry = Consumer(), RetryPolicy("constant", duration=0.05)
    pubsub = await open_log(
        LogSettings(tmp_path / "events.db", "billing", partitions=1, retry=retry), ComponentContext("billing")
    )
    await pubsub.publish_many(
        "orders",
        [
            Message(json.dumps({"specversion": "1.0", "id": id, "source": "s", "type": "t"}).encode())
            for id in ("first", "poison", "behind")
        ],
    )
    bounds = BulkBounds(10, 1.0)
    tasks = [
        asyncio.create_task(pubsub.consume_bulk(topic, {}, bounds, handle, lambda: None))
        for topic, handle in (("orders", made.orders), ("orders-dead", made.dead))
    ]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pubsub.close()


async def topics(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*outboard("topics", *arguments), "--file", str(folder / "events.db")]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, encoding="utf-8", check=False, timeout=PATIENCE
    )


async def held(folder: Path) -> list[dict[str, Any]]:
    done = await topics("held", "--output", "json", folder=folder)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == (1 if found else 0), done.stderr
    return found


async def first_held(folder: Path) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while not (found := await held(folder)):  # noqa: ASYNC110 (another process tells it)
            await asyncio.sleep(0.05)
    (event,) = found
    return event


async def test_what_holds_a_partition_is_shown_and_dead_lettered_while_it_is_consumed(
    consumer: Consumer, tmp_path: Path
) -> None:
    event = await first_held(tmp_path)
    assert (event["topic"], event["group"], event["offset"]) == ("orders", "billing", 2)
    assert (event["eventId"], event["reason"], event["settledBehind"]) == ("poison", "no database", 1)

    text = (await topics("held", folder=tmp_path)).stdout
    (line,) = [each.strip() for each in text.splitlines() if "topics dead-letter" in each]
    arguments = line.removeprefix("outboard topics ").split()

    dry = await topics(*arguments, folder=tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert "Nothing was changed: add --yes to do it." in dry.stdout
    assert consumer.letters == []

    done = await topics(*arguments, "--yes", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "goes on behind it." in done.stdout
    await asyncio.wait_for(consumer.lettered.wait(), PATIENCE)
    (letter,) = consumer.letters
    assert (letter["id"], letter["deadletterreason"]) == ("poison", "no database")
    assert letter["deadletterorigin"] == "//billing/pubsub.sqlite/orders#"
    assert consumer.taken == ["first", "behind"]
    assert await held(tmp_path) == []

    again = await topics(*arguments, "--yes", folder=tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "nothing does. Nothing was changed" in again.stderr


async def test_what_was_skipped_is_gone_for_its_group(consumer: Consumer, tmp_path: Path) -> None:
    await first_held(tmp_path)
    numbers = ("orders", "--partition", "0", "--offset", "2", "--group", "billing")
    done = await topics("skip", *numbers, "--yes", "--output", "json", folder=tmp_path)
    told = json.loads(done.stdout)
    assert (told["done"], told["noticed"], told["deadLetterTopic"]) == (True, True, None)
    listed = json.loads((await topics("list", "-o", "json", folder=tmp_path)).stdout)
    assert listed[0]["groups"] == [{"group": "billing", "notSettled": 0, "members": 1, "heldPartitions": 0}]


async def test_a_wrong_command_line_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = await topics("held", folder=tmp_path)
    assert done.returncode == 2
    assert "there is no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_shows_how() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "outboard", "topics", "skip", "--help"],
        capture_output=True, encoding="utf-8", check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert "outboard topics skip orders --partition 3 --offset 118 --group billing --yes" in done.stdout
