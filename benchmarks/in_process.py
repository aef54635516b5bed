"""Publish → sidecar → handler inside one process: what a test with the fixture `outboard` can do.

python benchmarks/in_process.py [--events 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, FastAPI
from measuring import print_machine
from pydantic import BaseModel

from outboard import Event, Outboard
from outboard.testing import Harness

TOPIC: Final = "bench"
TEXT: Final = "buy milk, bread and a large bag of flour " * 5


class Sample(BaseModel):
    text: str


@dataclass(frozen=True)
class Case:
    name: str
    publishers: int
    dependencies: bool = False


CASES: Final = (
    Case("64 publishers", 64),
    Case("one after another", 1),
    Case("64 publishers, 2 dependencies", 64, dependencies=True),
)


async def a_session() -> str:
    return "session"


async def a_user(session: Annotated[str, Depends(a_session)]) -> str:
    return session


class Handled:
    def __init__(self, expected: int) -> None:
        self._left = expected
        self.all = asyncio.Event()

    def add(self) -> None:
        self._left -= 1
        if not self._left:
            self.all.set()


def service(case: Case, handled: Handled) -> tuple[FastAPI, Outboard]:
    board = Outboard(app_id="bench", environ={})
    bench = board.topic(TOPIC, Sample)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    if case.dependencies:

        @bench.subscribe("/events", bulk=True)
        async def handle_with(event: Event[Sample], user: Annotated[str, Depends(a_user)]) -> None:
            handled.add()

    else:

        @bench.subscribe("/events", bulk=True)
        async def handle(event: Event[Sample]) -> None:
            handled.add()

    return app, board


@dataclass(frozen=True)
class Measured:
    """`cpu` is in µs an event."""

    events_per_second: float
    cpu: float


async def measure(case: Case, events: int) -> Measured:
    handled = Handled(events)
    app, board = service(case, handled)
    bench = board.topic(TOPIC, Sample)

    async def publisher(numbers: Iterator[int]) -> None:
        for number in numbers:
            await bench.publish(Sample(text=TEXT), key=str(number))

    async with Harness().serving(app, board):
        start, cpu, numbers = time.perf_counter(), time.process_time(), iter(range(events))
        await asyncio.gather(*(publisher(numbers) for _ in range(case.publishers)))
        await handled.all.wait()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        return Measured(events / seconds, cpu / events * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print_machine()
    runs: dict[Case, list[Measured]] = {case: [] for case in CASES}
    for _ in range(arguments.rounds):
        for case, measured in runs.items():
            measured.append(asyncio.run(measure(case, arguments.events)))
    for case, measured in runs.items():
        rate = statistics.median(run.events_per_second for run in measured)
        cpu = statistics.median(run.cpu for run in measured)
        print(f"{case.name:32}{rate:10,.0f} events/s{cpu:8.0f} µs of CPU an event")


if __name__ == "__main__":
    main()
