"""How fast `pubsub.sqlite` is by itself: no HTTP, no service, one process.

    python benchmarks/pubsub_sqlite.py [--events 60000] [--publishers 64] [--folder DIRECTORY]

`publish` is acknowledged, so on the disk; `consume` hands a backlog to a handler that does nothing; `one at a
time` is the time from the call of `publish` to the handler, with a component of its own for each of the two.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.port import BulkBounds, Message
from outboard.sidecar.components.sqlite.log.settings import LogSettings
from outboard.sidecar.components.sqlite.pubsub import SqlitePubSub, open_log
from outboard.sidecar.process.garbage_collection import collecting_rarely, frozen

TEXT = b'{"data":{"text":"' + b"buy milk, bread and a large bag of flour " * 15 + b'"}}'


def event(number: int) -> Message:
    """One event of some 640 bytes, with a key of its own."""
    return Message(TEXT, {"partitionKey": f"key-{number}"}, "application/cloudevents+json")


async def measured(what: str, events: int, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` and say what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    stalls: list[float] = []
    watching = asyncio.create_task(watch(stalls))
    await work()
    watching.cancel()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    stall = max(stalls, default=0.0) * 1000
    print(f"{what:34}{events / wall:12,.0f}/s{cpu / events * 1e6:10.1f} µs CPU{stall:9.1f} ms longest stall")


async def watch(stalls: list[float]) -> None:
    """Note by how much the loop was late, every millisecond."""
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        stalls.append(time.perf_counter() - due)


async def publish(pubsub: SqlitePubSub, events: int, publishers: int, batch: int) -> None:
    numbers = iter(range(0, events, batch))

    async def one() -> None:
        for start in numbers:
            messages = [event(number) for number in range(start, min(start + batch, events))]
            if errors := await pubsub.publish_many("bench", messages):
                raise next(iter(errors.values()))

    await asyncio.gather(*(one() for _ in range(publishers)))


async def consume(pubsub: SqlitePubSub, events: int, bulk: int) -> None:
    """Consume so many events that are there; `bulk` of 0 is single delivery."""
    done, count = asyncio.Event(), 0

    async def single(message: Message) -> None:
        nonlocal count
        count += 1
        if count >= events:
            done.set()

    async def many(messages: Sequence[Message]) -> list[None]:
        for message in messages:
            await single(message)
        return [None] * len(messages)

    if bulk:
        consuming = pubsub.consume_bulk("bench", {}, BulkBounds(bulk, 1.0), many, lambda: None)
    else:
        consuming = pubsub.consume("bench", {}, single, lambda: None)
    task = asyncio.create_task(consuming)
    await done.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def latency(publisher: SqlitePubSub, consumer: SqlitePubSub, events: int) -> list[float]:
    """Seconds from publish to handler, one event after the other."""
    arrived, subscribed = asyncio.Event(), asyncio.Event()

    async def handle(message: Message) -> None:
        arrived.set()

    task = asyncio.create_task(consumer.consume("pings", {}, handle, subscribed.set))
    await subscribed.wait()
    took = []
    for number in range(events):
        arrived.clear()
        start = time.perf_counter()
        await publisher.publish("pings", event(number))
        await arrived.wait()
        took.append(time.perf_counter() - start)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return took


async def run(folder: Path, events: int, publishers: int) -> None:
    def opened(group: str) -> Awaitable[SqlitePubSub]:
        return open_log(LogSettings(folder / "bench.db", group), ComponentContext(group))

    first, second = await opened("single"), await opened("bulk")
    await measured(f"publish, {publishers} at once", events, lambda: publish(first, events, publishers, 1))
    await measured("publish, batches of 64, 2 at once", events, lambda: publish(first, events, 2, 64))
    await measured("consume in bulk of 100", 2 * events, lambda: consume(second, 2 * events, 100))
    await measured("consume one by one", 2 * events, lambda: consume(first, 2 * events, 0))
    took = sorted(await latency(first, second, 500))
    p50, p99 = statistics.median(took) * 1000, took[len(took) * 99 // 100] * 1000
    print(f"{'one at a time, two components':34}{p50:10.2f} ms p50{p99:10.2f} ms p99")
    await first.close()
    await second.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--publishers", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary one unless given")
    arguments = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"SQLite {sqlite3.sqlite_version}")  # fmt: skip
    # The collector is as the sidecar has it.
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, frozen(), collecting_rarely():
        asyncio.run(run(Path(folder), arguments.events, arguments.publishers))


if __name__ == "__main__":
    main()
