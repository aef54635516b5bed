from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI

from outboard import Event, Outboard
from support.scripted import ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
OTHER_ID = "1bf7651916cd43dd8448eb211c80319d"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"
OTHER = f"00-{OTHER_ID}-b7ad6b7169203331-00"
ZERO = "00-00000000000000000000000000000000-0000000000000000-00"


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @app.post("/async")
    async def create() -> None:
        await board.publish("t", 1)

    @app.post("/background")
    async def later(tasks: BackgroundTasks) -> None:
        tasks.add_task(board.publish, "t", 1)

    @app.post("/sync")
    def in_thread(tasks: BackgroundTasks) -> None:
        tasks.add_task(board.publish, "t", 1)

    @board.topic("in").subscribe("/on")
    async def on_event(event: Event[object]) -> None:
        await board.publish("t", 1)

    return app


@pytest.mark.parametrize("path", ["/async", "/background", "/sync"])
async def test_a_request_s_trace_goes_on_in_what_it_publishes(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, path: str
) -> None:
    async with serving(app, board) as client:
        await client.post(path, headers={"traceparent": TRACE, "tracestate": "a=b"})
    headers, event = exchange.requests[0].headers, exchange.events[0]
    version, trace_id, span_id, flags = event["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
    assert span_id != "b7ad6b7169203331"
    assert event["tracestate"] == "a=b"
    assert (headers["traceparent"], headers["tracestate"]) == (event["traceparent"], "a=b")


@pytest.mark.parametrize(
    ("header", "attribute", "expected"),
    [
        (TRACE, OTHER, TRACE_ID),
        (ZERO, OTHER, OTHER_ID),
        (None, OTHER, OTHER_ID),
        (TRACE, "nonsense", TRACE_ID),
    ],
)
async def test_an_event_s_trace_goes_on_in_its_handler(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    header: str | None,
    attribute: str,
    expected: str,
) -> None:
    headers = {"traceparent": header} if header else {}
    async with serving(app, board) as client:
        await client.post("/on", json=envelope | {"traceparent": attribute}, headers=headers)
    assert exchange.events[0]["traceparent"].split("-")[1] == expected


async def test_without_a_trace_one_begins_and_requests_do_not_mix(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    async with serving(app, board) as client:
        traces = [{"traceparent": TRACE}, {"traceparent": OTHER}, {}, {"traceparent": "nonsense"}]
        await asyncio.gather(*(client.post("/async", headers=headers) for headers in traces))
    ids = [event["traceparent"].split("-")[1] for event in exchange.events]
    assert len(set(ids)) == 4
    assert {TRACE_ID, OTHER_ID} < set(ids)
