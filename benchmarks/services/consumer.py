"""The service that handles what is published; the contender is in CONTENDER: `plain` or `kit`."""

from __future__ import annotations

import os
import time
from typing import Any

from clock import now_us, percentiles
from fastapi import FastAPI
from pydantic import BaseModel


class Sample(BaseModel):
    """One event: when it was published (µs), and some text of the size of a small task."""

    sent: int
    text: str


class PlainCloudEvent(BaseModel):
    """A CloudEvent as people write it by hand."""

    id: str
    source: str
    specversion: str
    type: str
    datacontenttype: str = "application/json"
    data: dict[str, Any]


latencies: list[int] = []
started_cpu = time.process_time()


def plain_app() -> FastAPI:
    app = FastAPI()

    @app.get("/dapr/subscribe")
    async def subscribe() -> list[dict[str, str]]:
        return [{"pubsubname": "kafka-pubsub", "topic": "bench", "route": "/events"}]

    @app.post("/events")
    async def handle(event: PlainCloudEvent) -> dict[str, str]:
        latencies.append(now_us() - event.data["sent"])
        return {"status": "SUCCESS"}

    return app


def kit_app() -> FastAPI:
    from outboard import Event, Outboard

    board = Outboard(pubsub="kafka-pubsub")
    bench = board.topic("bench", Sample)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @bench.subscribe("/events")
    async def handle(event: Event[Sample]) -> None:
        latencies.append(now_us() - event.data.sent)

    return app


app = kit_app() if os.environ["CONTENDER"] == "kit" else plain_app()


@app.get("/report")
async def report(expected: int) -> dict[str, Any]:
    """How many events came so far; with their latencies once all `expected` are there."""
    if len(latencies) < expected:
        return {"handled": len(latencies)}
    cpu = time.process_time() - started_cpu
    return {"handled": len(latencies), "cpu": cpu, **percentiles(latencies)}


@app.post("/reset")
async def reset() -> None:
    """Forget what was measured, for the next round."""
    global started_cpu
    latencies.clear()
    started_cpu = time.process_time()
