"""A sidecar that answers batches when the test says so, and a clock that moves when the test moves it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import cast

from outboard.hops.journal import Journal
from outboard.hops.record import Recorder
from outboard.kit.client.port import BatchAnswer, Publication, PublishResult, SidecarApi
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.topics.connections import SidecarConnection
from outboard.kit.topics.queue import PublishLimits

__all__ = ["Bench", "HeldSidecar", "ManualClock", "Request", "bench", "settle"]


async def settle() -> None:
    """Let everything run that can run without the clock or the sidecar."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass(eq=False)
class _Timer:
    at: float
    ring: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Nothing passes until `advance`; `call_later` is what a loop has."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = count()

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def call_later(self, seconds: float, ring: Callable[[], None]) -> _Timer:
        timer = _Timer(self.seconds + seconds, ring)
        heapq.heappush(self._timers, (timer.at, next(self._numbers), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        await woken

    async def advance(self, seconds: float) -> None:
        until = self.seconds + seconds
        await settle()
        while self._timers and self._timers[0][0] <= until:
            _, _, timer = heapq.heappop(self._timers)
            self.seconds = max(self.seconds, timer.at)
            if not timer.cancelled:
                timer.ring()
            await settle()
        self.seconds = until

    @property
    def armed(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)


@dataclass(eq=False)
class Request:
    """One attempt that the sidecar was asked for."""

    bodies: list[str]
    keys: list[str | None]
    timeout: float
    answer: asyncio.Future[BatchAnswer]

    def succeed(self, *, ordered: bool = False) -> None:
        self.end([None] * len(self.bodies), ordered=ordered)

    def end(self, outcomes: Sequence[PublishResult], *, ordered: bool = False) -> None:
        self.answer.set_result(BatchAnswer(outcomes, ordered))


class HeldSidecar:
    """Keeps every request until it is answered; `delivered` is what was taken, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.in_flight: list[Request] = []
        self.delivered: list[str] = []
        self.alone: list[str] = []

    async def publish(self, publication: Publication, timeout: float) -> None:
        self.alone.append(publication.body.decode())

    async def attempt(self, publications: Sequence[Publication], timeout: float) -> BatchAnswer:
        bodies = [publication.body.decode() for publication in publications]
        keys = [publication.metadata.get("partitionKey") for publication in publications]
        request = Request(bodies, keys, timeout, asyncio.get_running_loop().create_future())
        self.requests.append(request)
        self.in_flight.append(request)
        try:
            answer = await request.answer
        finally:
            self.in_flight.remove(request)
        taken = zip(bodies, answer.outcomes, strict=True)
        self.delivered += [body for body, outcome in taken if outcome is None]
        return answer

    @property
    def batches(self) -> list[list[str]]:
        return [request.bodies for request in self.requests]


@dataclass(eq=False)
class Bench:
    """A `SidecarConnection` between a test and its sidecar."""

    connection: SidecarConnection
    sidecar: HeldSidecar
    clock: ManualClock
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def publish(
        self,
        body: str,
        key: str | None = None,
        *,
        timeout: float = 5.0,
        metadata: dict[str, str] | None = None,
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self.published(body, key, timeout=timeout, metadata=metadata), name=body)
        self.tasks.append(task)
        return task

    async def published(
        self,
        body: str,
        key: str | None = None,
        *,
        timeout: float = 5.0,
        metadata: dict[str, str] | None = None,
    ) -> None:
        pairs = {**(metadata or {}), **({"partitionKey": key} if key is not None else {})}

        def write() -> Publication:
            return Publication("p", "t", body.encode(), pairs)

        await self.connection.publish("p", "t", write, timeout)

    async def serve(self) -> None:
        """Answer everything, as long as there is something."""
        await settle()
        while self.sidecar.in_flight:
            self.sidecar.in_flight[0].succeed()
            await settle()


@asynccontextmanager
async def bench(
    limits: PublishLimits | None = None,
    *,
    closing_seconds: float = 0.0,
    recorder: Recorder | None = None,
) -> AsyncIterator[Bench]:
    """Publish through a held sidecar; at the end nothing may be left running."""
    clock, sidecar = ManualClock(), HeldSidecar()
    before = asyncio.all_tasks()
    async with SidecarConnection.to(
        cast("SidecarApi", sidecar),  # nobody asks it for state
        "http://sidecar",
        limits=limits or PublishLimits(),
        clock=clock,
        random=lambda: 0.999,
        closing_seconds=closing_seconds,
        telemetry=Messaging("http://sidecar"),
        journal=Journal("shop", clock, recorder),
        call_later=clock.call_later,
    ) as connection:
        made = Bench(connection, sidecar, clock)
        yield made
    await asyncio.gather(*made.tasks, return_exceptions=True)
    assert asyncio.all_tasks() == before, "no task outlives the connection"
    assert not clock.armed, "and no timer"
