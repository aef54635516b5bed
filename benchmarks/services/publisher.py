"""Publishes COUNT events from PUBLISHERS tasks and says, as JSON on stdout, how long it took.

    python publisher.py WAY PUBLISHERS COUNT KEYS RATE

WAY is `plain` (a new httpx client a publish), `httpx` (a shared one), `aiohttp` (a request a publish), `sdk`
(Dapr's own), `bulk` (bulk requests of 100 by hand), `bulk-in-turn` (one such request at a time, as large as
PUBLISHERS) or `kit`. KEYS is the number of keys: 0 gives each event its own. RATE is how many events fall due
in a second, and each counts from when it is due, whoever is still busy then; with 0 a publisher sends one as
soon as it has the answer to the one before.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final, TypeAlias

import psutil
from clock import collect_rarely, now_us, percentiles
from sample import PUBSUB, TEXT, TOPIC, Sample

from outboard.host.event_loop import new_event_loop

Publish: TypeAlias = Callable[[int, str], Awaitable[None]]
PORT: Final = int(os.environ["DAPR_HTTP_PORT"])
URL: Final = f"http://127.0.0.1:{PORT}/v1.0/publish/{PUBSUB}/{TOPIC}"
BULK_URL: Final = f"http://127.0.0.1:{PORT}/v1.0/publish/bulk/{PUBSUB}/{TOPIC}"
KEY: Final = "metadata.partitionKey"
BULK: Final = 100


@asynccontextmanager
async def plain() -> AsyncIterator[Publish]:
    """A new httpx client for each publish, as in the snippets that people copy."""
    import httpx

    async def publish(sent: int, key: str) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.post(URL, params={KEY: key}, json={"sent": sent, "text": TEXT})
            answer.raise_for_status()

    yield publish


@asynccontextmanager
async def shared_httpx() -> AsyncIterator[Publish]:
    import httpx

    async with httpx.AsyncClient() as client:

        async def publish(sent: int, key: str) -> None:
            answer = await client.post(URL, params={KEY: key}, json={"sent": sent, "text": TEXT})
            answer.raise_for_status()

        yield publish


@asynccontextmanager
async def shared_aiohttp() -> AsyncIterator[Publish]:
    import aiohttp

    async with aiohttp.ClientSession(raise_for_status=True) as client:

        async def publish(sent: int, key: str) -> None:
            body = {"sent": sent, "text": TEXT}
            async with client.post(URL, params={KEY: key}, json=body) as answer:
                await answer.read()

        yield publish


@asynccontextmanager
async def bulk_by_hand(size: int = BULK) -> AsyncIterator[Publish]:
    """Each call sends a bulk request of `size`: the numbers that it stands for are skipped by `main`."""
    import httpx

    async with httpx.AsyncClient(timeout=30) as client:

        async def publish(sent: int, key: str) -> None:
            entries = [
                {
                    "entryId": str(index),
                    "event": {"sent": sent, "text": TEXT},
                    "contentType": "application/json",
                    "metadata": {"partitionKey": f"{key}-{index}"},
                }
                for index in range(size)
            ]
            (await client.post(BULK_URL, json=entries)).raise_for_status()

        yield publish


@asynccontextmanager
async def sdk() -> AsyncIterator[Publish]:
    """Dapr's own Python SDK, with its async client."""
    from dapr.aio.clients import DaprClient

    async with DaprClient() as client:

        async def publish(sent: int, key: str) -> None:
            await client.publish_event(
                PUBSUB,
                TOPIC,
                json.dumps({"sent": sent, "text": TEXT}),
                publish_metadata={"partitionKey": key},
                data_content_type="application/json",
            )

        yield publish


@asynccontextmanager
async def kit() -> AsyncIterator[Publish]:
    """Outboard's typed topic."""
    from outboard import Outboard

    board = Outboard(pubsub=PUBSUB, timeout=30)
    bench = board.topic(TOPIC, Sample)

    async def publish(sent: int, key: str) -> None:
        await bench.publish(Sample(sent=sent, text=TEXT), key=key)

    async with board.connected():
        yield publish


WAYS: Final[dict[str, Callable[[], AbstractAsyncContextManager[Publish]]]] = {
    "plain": plain,
    "httpx": shared_httpx,
    "aiohttp": shared_aiohttp,
    "bulk": bulk_by_hand,
    "sdk": sdk,
    "kit": kit,
}


async def worker(
    publish: Publish, due: Iterator[tuple[int, int | None]], keys: int, took: array[int]
) -> None:
    for number, at in due:
        start = now_us() if at is None else at
        if (early := start - now_us()) > 0:
            await asyncio.sleep(early / 1e6)
        await publish(start, str(number % keys if keys else number))
        if len(took) < 50_000:
            took.append(now_us() - start)


def due_at(numbers: Iterable[int], rate: int) -> Iterator[tuple[int, int | None]]:
    """Each number with when it is due, in µs since the epoch; None for at once."""
    started = now_us()
    for number in numbers:
        yield number, started + number * 1_000_000 // rate if rate else None


async def main(way: str, publishers: int, count: int, keys: int, rate: int) -> None:
    took = array("q")
    tasks, step = publishers, BULK if way == "bulk" else 1
    connect: Callable[[], AbstractAsyncContextManager[Publish]]
    if way == "bulk-in-turn":
        tasks, step, connect = 1, publishers, partial(bulk_by_hand, publishers)
    else:
        connect = WAYS[way]
    async with connect() as publish:
        await publish(now_us(), "warm")
        collect_rarely()
        due = due_at(range(0, count, step), rate)
        started, cpu = now_us(), time.process_time()
        await asyncio.gather(*(worker(publish, due, keys, took) for _ in range(tasks)))
        seconds, used = (now_us() - started) / 1e6, time.process_time() - cpu
    told = {"seconds": seconds, "cpu": used, "started": started, "warm": step, **percentiles(took)}
    told["rss"] = psutil.Process().memory_info().rss
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    # A service publishes on the loop of uvicorn, which is uvloop's where there is one.
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(sys.argv[1], *map(int, sys.argv[2:6])))
