"""Publishes COUNT events from PUBLISHERS tasks and says, as JSON on stdout, how long it took."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from clock import now_us, percentiles
from pydantic import BaseModel

Publish = Callable[[int], Awaitable[None]]
TEXT = "buy milk, bread and a large bag of flour " * 5


class Sample(BaseModel):
    """See the consumer's."""

    sent: int
    text: str


@asynccontextmanager
async def plain(port: int) -> AsyncIterator[Publish]:
    """A new httpx client for each publish, as in the snippets that people copy."""
    import httpx

    async def publish(number: int) -> None:
        async with httpx.AsyncClient() as client:
            body = {"sent": now_us(), "text": TEXT}
            answer = await client.post(f"http://127.0.0.1:{port}/v1.0/publish/kafka-pubsub/bench", json=body)
            answer.raise_for_status()

    yield publish


@asynccontextmanager
async def kit(port: int) -> AsyncIterator[Publish]:
    """Outboard's typed topic."""
    from outboard import Outboard

    board = Outboard(pubsub="kafka-pubsub")
    bench = board.topic("bench", Sample)

    async def publish(number: int) -> None:
        await bench.publish(Sample(sent=now_us(), text=TEXT), key=str(number))

    async with board.connected():
        yield publish


CONTENDERS: dict[str, Callable[[int], AbstractAsyncContextManager[Publish]]] = {"plain": plain, "kit": kit}


async def worker(publish: Publish, numbers: Iterator[int], took: list[int]) -> None:
    for number in numbers:
        start = now_us()
        await publish(number)
        took.append(now_us() - start)


async def main(contender: str, publishers: int, count: int) -> None:
    took: list[int] = []
    async with CONTENDERS[contender](int(os.environ["DAPR_HTTP_PORT"])) as publish:
        await publish(0)
        numbers = iter(range(1, count))
        start, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker(publish, numbers, took) for _ in range(publishers)))
        seconds, used = time.perf_counter() - start, time.process_time() - cpu
    json.dump(
        {"seconds": seconds, "cpu": used, "started": time.time() - seconds, **percentiles(took)}, sys.stdout
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
