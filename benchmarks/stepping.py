"""What stepping coroutines by hand brings, against tasks and timers for each: two places of the code do it.

python benchmarks/stepping.py [--events 50000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from typing import Final

from measuring import print_machine

from outboard.asgi import ASGIApp, AsgiExchange, Receive, Scope, Send
from outboard.kit.subscriptions.ordering import Step, by_key, run_in_key_order
from outboard.wire.http import Request, Response

BATCH: Final = 100
CONCURRENCY: Final = 32


async def run_in_tasks(keys: Sequence[str | None], step: Step, concurrency: int) -> None:
    """As `run_in_key_order`, with a task for each worker and for each step."""
    lanes = iter(by_key(keys))

    async def work() -> None:
        for lane in lanes:
            for position in lane:
                if not await asyncio.create_task(step(position), context=copy_context()):
                    break

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(keys))):
            group.create_task(work())


class TimedExchange:
    """As `AsgiExchange`, with a timer for each request, whether or not it waits."""

    def __init__(self, app: ASGIApp) -> None:
        self._exchange = AsgiExchange(app)

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        async with asyncio.timeout(timeout):
            return await self._exchange._answer(request)


async def at_once(_: int) -> bool:
    return True


async def waiting(_: int) -> bool:
    await asyncio.sleep(0)
    return True


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def batches(
    run: Callable[[Sequence[str | None], Step, int], Awaitable[None]], step: Step, events: int
) -> None:
    keys: list[str | None] = [None] * BATCH
    for _ in range(events // BATCH):
        await run(keys, step, CONCURRENCY)


async def requests(exchange: Callable[[Request, float], Awaitable[Response]], events: int) -> None:
    request = Request("POST", "/events", {}, b"{}")
    for _ in range(events):
        await exchange(request, 5.0)


CASES: Final[dict[str, Callable[[int], Awaitable[None]]]] = {
    "bulk, handlers do not wait: stepped": lambda events: batches(run_in_key_order, at_once, events),
    "bulk, handlers do not wait: tasks": lambda events: batches(run_in_tasks, at_once, events),
    "bulk, handlers wait once: stepped": lambda events: batches(run_in_key_order, waiting, events),
    "bulk, handlers wait once: tasks": lambda events: batches(run_in_tasks, waiting, events),
    "a request by a call: stepped": lambda events: requests(AsgiExchange(app), events),
    "a request by a call: a timer each": lambda events: requests(TimedExchange(app), events),
}


async def measured(run: Callable[[int], Awaitable[None]], events: int) -> float:
    """µs of CPU an event."""
    started = time.process_time()
    await run(events)
    return (time.process_time() - started) / events * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_machine()
    found: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name, run in CASES.items():
            found[name].append(await measured(run, options.events))
    for name, times in found.items():
        print(f"{name:40}{statistics.median(times):6.2f} µs of CPU an event")


if __name__ == "__main__":
    asyncio.run(main())
