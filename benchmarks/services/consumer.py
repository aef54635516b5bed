"""The service that handles what is published. HANDLER names the way:

model        a FastAPI route with a model of the CloudEvent, as people write it by hand
bulk-model   a bulk subscription by hand: one route, no model
single       the kit: one event a request
bulk         the kit: bulk subscription, one event a call
bulk-deps    the same, with two async dependencies of which one yields
batch-deps   the kit: `subscribe_batch`, with the same dependencies

BULK_WAIT_MS is how long a bulk subscription asks to wait for a batch, 5 unless it is set.
"""

from __future__ import annotations

import asyncio
import os
import time
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, Final

from clock import collect_rarely, now_us, percentiles
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sample import PUBSUB, TOPIC, Sample

WAIT_MS: Final = int(os.environ.get("BULK_WAIT_MS", "5"))
BULK: Final = {"enabled": True, "maxMessagesCount": 100, "maxAwaitDurationMs": WAIT_MS}
PATH: Final = "/events"


class Measured:
    """The latencies of what was handled, in µs; bounded, so that memory is that of the service itself."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.handled = 0
        self.latencies = array("q")
        self.cpu = time.process_time()
        self._expected = 0
        self._there = asyncio.Event()

    def add(self, sent: int) -> None:
        self.handled += 1
        if len(self.latencies) < 50_000:
            self.latencies.append(now_us() - sent)
        if self.handled == self._expected:
            self._there.set()

    async def wait(self, expected: int) -> None:
        self._expected = expected
        if self.handled < expected:
            await self._there.wait()


measured = Measured()


class PlainCloudEvent(BaseModel):
    """A CloudEvent as people write it by hand."""

    id: str
    source: str
    specversion: str
    type: str
    datacontenttype: str = "application/json"
    data: dict[str, Any]


def model() -> FastAPI:
    app = FastAPI()

    @app.get("/dapr/subscribe")
    async def subscribe() -> list[dict[str, str]]:
        return [{"pubsubname": PUBSUB, "topic": TOPIC, "route": PATH}]

    @app.post(PATH)
    async def handle(event: PlainCloudEvent) -> dict[str, str]:
        measured.add(event.data["sent"])
        return {"status": "SUCCESS"}

    return app


def bulk_model() -> FastAPI:
    app = FastAPI()

    @app.get("/dapr/subscribe")
    async def subscribe() -> list[dict[str, Any]]:
        return [{"pubsubname": PUBSUB, "topic": TOPIC, "route": PATH, "bulkSubscribe": BULK}]

    @app.post(PATH)
    async def handle(request: Request) -> dict[str, Any]:
        entries = (await request.json())["entries"]
        for entry in entries:
            measured.add(entry["event"]["data"]["sent"])
        return {"statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in entries]}

    return app


def sdk() -> FastAPI:
    from dapr.ext.fastapi import DaprApp

    app = FastAPI()

    async def handle(event: PlainCloudEvent) -> dict[str, str]:
        measured.add(event.data["sent"])
        return {"status": "SUCCESS"}

    DaprApp(app).subscribe(pubsub=PUBSUB, topic=TOPIC, route=PATH)(handle)
    return app


async def a_session() -> AsyncIterator[int]:
    """Stands for a database session: opened before the handler, committed after it."""
    yield 1


async def a_user(session: Annotated[int, Depends(a_session)]) -> str:
    return str(session)


Session = Annotated[int, Depends(a_session)]
User = Annotated[str, Depends(a_user)]


def kit(handler: str) -> FastAPI:
    from outboard import BulkOptions, Event, Outboard

    board = Outboard(pubsub=PUBSUB)
    bench = board.topic(TOPIC, Sample)
    bulk = BulkOptions(max_messages_count=BULK["maxMessagesCount"], max_await_duration_ms=WAIT_MS)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    if handler in {"single", "bulk"}:

        @bench.subscribe(PATH, bulk=bulk if handler == "bulk" else False)
        async def handle(event: Event[Sample]) -> None:
            measured.add(event.data.sent)

    elif handler == "bulk-deps":

        @bench.subscribe(PATH, bulk=bulk)
        async def handle_with(event: Event[Sample], session: Session, user: User) -> None:
            measured.add(event.data.sent)

    else:

        @bench.subscribe_batch(PATH, max_events=BULK["maxMessagesCount"], max_await_duration_ms=WAIT_MS)
        async def handle_batch(events: Sequence[Event[Sample]], session: Session, user: User) -> None:
            for event in events:
                measured.add(event.data.sent)

    return app


BY_HAND: Final[dict[str, Callable[[], FastAPI]]] = {"model": model, "bulk-model": bulk_model, "sdk": sdk}
HANDLER: Final = os.environ["HANDLER"]
app = BY_HAND[HANDLER]() if HANDLER in BY_HAND else kit(HANDLER)


@app.get("/report")
async def report(expected: int) -> dict[str, Any]:
    """Once `expected` events came: CPU seconds and percentiles of the first 50,000 latencies."""
    await measured.wait(expected)
    ended, cpu = now_us(), time.process_time() - measured.cpu
    return {"handled": measured.handled, "ended": ended, "cpu": cpu, **percentiles(measured.latencies)}


@app.post("/reset")
async def reset() -> None:
    """Forget what was measured, for the next round."""
    collect_rarely()
    measured.reset()
