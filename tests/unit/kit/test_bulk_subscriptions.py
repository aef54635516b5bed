"""Bulk deliveries to handlers that take one event."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, field_validator
from starlette.types import ASGIApp, Receive, Scope, Send

from outboard import BulkOptions, DeliveryStatus, Drop, Event, Outboard, current_event
from support.bulk import bulk_body, bulk_entry, deliver_bulk
from support.scripted import ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
OTHER_ID = "1bf7651916cd43dd8448eb211c80319d"


class Task(BaseModel):
    id: int
    title: str = ""

    @field_validator("title")
    @classmethod
    def _not_broken(cls, title: str) -> str:
        if title == "broken":
            raise LookupError("a validator with a bug")
        return title


def task(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"e-{number}",
        "source": "backend",
        "specversion": "1.0",
        "type": "task.created",
        "datacontenttype": "application/json",
        "data": {"id": number, "title": "milk"},
        **more,
    }


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


class Handler:
    """Notes what it is given, and fails or drops what it is told to."""

    def __init__(self) -> None:
        self.handled: list[int] = []
        self.failing: set[int] = set()
        self.dropping: set[int] = set()

    async def __call__(self, event: Event[Task]) -> None:
        number = event.data.id
        self.handled.append(number)
        await asyncio.sleep(0)
        if number in self.failing:
            raise OSError("database away")
        if number in self.dropping:
            raise Drop("not ours")


@pytest.fixture
def handler(board: Outboard) -> Handler:
    handler = Handler()
    board.topic("tasks", Task).subscribe("/on", bulk=True)(handler)
    return handler


async def test_each_event_is_handled_and_answered(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler
) -> None:
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [bulk_entry(f"i{n}", task(n)) for n in range(5)])
    assert statuses == {f"i{n}": "SUCCESS" for n in range(5)}
    assert sorted(handler.handled) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("depends", [False, True])
async def test_an_event_that_would_end_the_app_fails_alone(
    app: FastAPI, board: Outboard, serving: Serving, depends: bool
) -> None:
    async def nothing() -> None: ...

    router = APIRouter(dependencies=[Depends(nothing)] if depends else [])

    @board.topic("tasks", Task).subscribe("/on", router=router, bulk=True)
    async def on_task(event: Event[Task]) -> None:
        if event.data.id == 1:
            raise SystemExit(0)

    app.include_router(router)
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [bulk_entry(f"i{n}", task(n)) for n in range(3)])
    assert statuses == {"i0": "SUCCESS", "i1": "RETRY", "i2": "SUCCESS"}


async def test_an_empty_batch_is_answered(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler
) -> None:
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", []) == {}


async def test_what_comes_alone_is_taken_too(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler
) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    odd = task(2, type="com.dapr.event.sent.bulk")
    async with serving(app, board) as client:
        alone = await client.post("/on", content=json.dumps(task(1)), headers=headers)
        of_odd_type = await client.post("/on", content=json.dumps(odd), headers=headers)
        as_json = await client.post("/on", json=task(3, subject="com.dapr.event.sent.bulk"))
    for response in (alone, of_odd_type, as_json):
        assert (response.status_code, response.json()) == (200, {"status": "SUCCESS"})
    assert handler.handled == [1, 2, 3]


async def test_a_handler_that_asked_for_no_bulk_takes_it_too(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    handler = Handler()
    board.topic("tasks", Task).subscribe("/on")(handler)
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [bulk_entry("1", task(1)), bulk_entry("2", task(2))])
    assert statuses == {"1": "SUCCESS", "2": "SUCCESS"}
    assert handler.handled == [1, 2]


@pytest.mark.parametrize("where", ["extension", "partitionKey", "__key"])
async def test_after_a_failure_nothing_of_its_key_is_run(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler, where: str
) -> None:
    handler.failing = {3}
    keyed = [
        bulk_entry(str(n), task(n, partitionkey="a"))
        if where == "extension"
        else bulk_entry(str(n), task(n), {where: "a"})
        for n in range(10)
    ]
    others = [bulk_entry(str(n), task(n, partitionkey="b")) for n in range(10, 13)]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [*keyed, *others, bulk_entry("13", task(13))])
        assert [name for name, status in statuses.items() if status == "RETRY"] == [
            str(n) for n in range(3, 10)
        ]
        assert [n for n in handler.handled if n < 10] == [0, 1, 2, 3]
        assert [n for n in handler.handled if 10 <= n < 13] == [10, 11, 12]
        assert 13 in handler.handled

        handler.handled.clear()
        handler.failing.clear()
        again = [entry for entry in keyed if statuses[entry["entryId"]] == "RETRY"]
        assert set((await deliver_bulk(client, "/on", again)).values()) == {"SUCCESS"}
    assert handler.handled == [3, 4, 5, 6, 7, 8, 9]


async def test_the_extension_is_the_key_before_the_metadata_is(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler
) -> None:
    handler.failing = {1}
    entries = [
        bulk_entry("1", task(1, partitionkey="a"), {"__key": "x"}),
        bulk_entry("2", task(2, partitionkey="b"), {"__key": "x"}),
        bulk_entry("3", task(3, partitionkey="a"), {"__key": "y"}),
    ]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries)
    assert statuses == {"1": "RETRY", "2": "SUCCESS", "3": "RETRY"}


async def test_keys_run_beside_each_other_but_not_all_at_once(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    running = 0
    most = 0

    @board.topic("tasks", Task).subscribe("/on", bulk=BulkOptions(concurrency=3))
    async def on_task(event: Event[Task]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    entries = [bulk_entry(str(n), task(n, partitionkey=str(n % 5))) for n in range(20)]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries)
    assert list(statuses.values()) == ["SUCCESS"] * 20
    assert most == 3


async def test_poison_is_settled_so_that_later_events_of_its_key_go_on(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, handler: Handler
) -> None:
    handler.dropping = {1}
    entries = [
        bulk_entry("1", task(1, partitionkey="a")),
        bulk_entry("2", task(2, partitionkey="a", data={"id": "x"})),
        bulk_entry("3", task(3, partitionkey="a")),
    ]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries)
    assert statuses == {"1": "SUCCESS", "2": "SUCCESS", "3": "SUCCESS"}
    assert handler.handled == [1, 3]
    assert exchange.topics == ["tasks-dead", "tasks-dead"]
    dropped, invalid = exchange.events
    assert dropped["deadletterreason"] == "not ours"
    assert (dropped["id"], dropped["data"], dropped["partitionkey"]) == (
        "e-1",
        {"id": 1, "title": "milk"},
        "a",
    )
    assert "data.id" in invalid["deadletterreason"]
    assert (invalid["id"], invalid["data"]) == ("e-2", {"id": "x"})
    assert dropped["deadletterorigin"] == "//todo/pubsub/tasks#/on"
    assert exchange.query(0) == {"metadata.partitionKey": "a"}


async def test_held_poison_holds_what_is_behind_it(
    app: FastAPI, board: Outboard, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Handler()
    board.topic("tasks", Task, dead_letter=None).subscribe("/on", bulk=True)(handler)
    entries = [
        bulk_entry("1", task(1, data=[]), {"partitionKey": "a"}),
        bulk_entry("2", task(2), {"partitionKey": "a"}),
        bulk_entry("3", task(3), {"partitionKey": "b"}),
    ]
    async with serving(app, board) as client:
        for _ in range(2):
            statuses = await deliver_bulk(client, "/on", entries)
            assert statuses == {"1": "RETRY", "2": "RETRY", "3": "SUCCESS"}
    assert handler.handled == [3, 3]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1 and "is held" in errors[0].getMessage()


async def test_dropped_poison_lets_later_events_go_on(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    handler = Handler()
    board.topic("tasks", Task).subscribe("/on", bulk=True, on_invalid="drop")(handler)
    entries = [
        bulk_entry("1", task(1, data=[], partitionkey="a")),
        bulk_entry("2", task(2, partitionkey="a")),
    ]
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", entries) == {"1": "DROP", "2": "SUCCESS"}


async def test_each_event_has_dependencies_of_its_own(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    lines: list[str] = []

    async def session(event: Annotated[Event[Task], Depends(current_event)]) -> AsyncIterator[str]:
        try:
            yield event.id
        except BaseException:
            lines.append(f"rollback {event.id}")
            raise
        if event.id == "e-3":
            raise ConnectionError("the commit failed")
        lines.append(f"commit {event.id}")

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task], request: Request, session: str = Depends(session)) -> None:
        assert session == event.id
        assert (await request.json())["id"] == event.id
        assert not hasattr(request.state, "mark")
        request.state.mark = True
        if event.data.id == 2:
            raise OSError("database away")

    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [bulk_entry(str(n), task(n)) for n in range(1, 5)])
    assert statuses == {"1": "SUCCESS", "2": "RETRY", "3": "RETRY", "4": "SUCCESS"}
    assert sorted(lines) == ["commit e-1", "commit e-4", "rollback e-2"]


async def test_metadata_of_an_event_is_its_headers_as_if_it_had_come_alone(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    seen: list[Any] = []
    trace = f"00-{TRACE_ID}-b7ad6b7169203331-01"

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(
        event: Event[Task],
        partition: Annotated[str, Header(alias="__partition")],
        content_type: Annotated[str, Header()],
        pubsubname: Annotated[str, Header()],
        traceparent: Annotated[str | None, Header()] = None,
        content_length: Annotated[str | None, Header()] = None,
    ) -> None:
        seen.append((partition, content_type, pubsubname, traceparent, content_length))

    entries = [bulk_entry("1", task(1, traceparent=trace), {"__partition": "1"}), bulk_entry("2", task(2))]
    headers = {"pubsubname": "pubsub", "traceparent": f"00-{OTHER_ID}-b7ad6b7169203331-01"}
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries, headers)
    assert statuses == {"1": "SUCCESS", "2": "RETRY"}, "the second has no __partition"
    assert seen == [("1", "application/cloudevents+json", "pubsub", trace, None)]


@pytest.mark.parametrize("depends", [False, True])
async def test_each_event_goes_on_in_its_own_trace(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, depends: bool
) -> None:
    async def publish(event: Event[Task]) -> None:
        await board.publish("out", event.data.id)

    async def with_request(event: Event[Task], request: Request) -> None:
        await publish(event)

    board.topic("tasks", Task).subscribe("/on", bulk=True)(with_request if depends else publish)
    entries = [
        bulk_entry("1", task(1, traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-01")),
        bulk_entry("2", task(2), {"traceparent": f"00-{OTHER_ID}-b7ad6b7169203331-01"}),
        bulk_entry("3", task(3)),
    ]
    of_another = f"00-{'2' * 32}-b7ad6b7169203331-01"
    async with serving(app, board) as client:
        for entry in entries:
            await deliver_bulk(client, "/on", [entry], {"traceparent": of_another})
        await deliver_bulk(client, "/on", entries, {"traceparent": of_another})
    traces = [(event["data"], event["traceparent"].split("-")[1]) for event in exchange.events[:3]]
    assert traces[:2] == [(1, TRACE_ID), (2, OTHER_ID)]
    assert traces[2][1] not in (TRACE_ID, OTHER_ID, "2" * 32)


async def test_no_event_sees_the_context_variables_of_another(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    variable: ContextVar[int | None] = ContextVar("variable", default=None)
    seen: list[int | None] = []

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task]) -> None:
        seen.append(variable.get())
        variable.set(event.data.id)

    entries = [bulk_entry(str(n), task(n, partitionkey="a" if n < 3 else str(n))) for n in range(6)]
    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", entries)
    assert seen == [None] * 6


async def test_middleware_runs_once_for_a_request(app: FastAPI, board: Outboard, serving: Serving) -> None:
    requests: list[str] = []

    class Counting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            requests.append(scope.get("path", "lifespan"))
            await self.app(scope, receive, send)

    app.add_middleware(Counting)
    board.topic("tasks", Task).subscribe("/on", bulk=True)(Handler())
    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", [bulk_entry(str(n), task(n)) for n in range(5)])
    assert requests.count("/on") == 1


async def test_raw_payloads(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    got: list[Event[object]] = []

    @board.topic("tasks").subscribe("/on", bulk=True, metadata={"rawPayload": "true"})
    async def on_task(event: Event[object]) -> None:
        got.append(event)

    raw = base64.b64encode(b"\x00milk").decode("ascii")
    in_kafka = {"__partition": "0", "__offset": "7", "__key": "k"}
    entries = [
        bulk_entry("1", raw, in_kafka),
        bulk_entry("2", raw),
        bulk_entry("3", base64.b64encode(b'{"a": 1}').decode("ascii"), content_type="application/json"),
        bulk_entry("4", "not base64"),
    ]
    async with serving(app, board) as client:
        first = await deliver_bulk(client, "/on", entries)
        await deliver_bulk(client, "/on", [bulk_entry("9", raw, in_kafka)])
    assert set(first.values()) == {"SUCCESS"}
    assert [event.data for event in got] == [b"\x00milk", b"\x00milk", {"a": 1}, b"\x00milk"]
    event = got[0]
    assert (event.source, event.type, event.datacontenttype) == (
        "Dapr",
        "com.dapr.event.sent",
        "application/octet-stream",
    )
    assert event.extensions == {"topic": "tasks", "pubsubname": "pubsub"}
    assert got[0].id == got[3].id, "delivered again, it is the same event"
    assert got[0].id != got[1].id, "the same content elsewhere is another event"
    assert "data_base64" in exchange.events[0]["deadletterreason"]
    assert exchange.events[0]["invaliddatabase64"] == "not base64"


async def test_data_in_base64_is_read(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler
) -> None:
    event = task(1, data_base64=base64.b64encode(b'{"id": 7}').decode("ascii"))
    del event["data"]
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", [bulk_entry("1", event)]) == {"1": "SUCCESS"}
    assert handler.handled == [7]


def _replaced(text: str, by: bytes) -> bytes:
    body = json.dumps(bulk_body([bulk_entry("1", task(1)), bulk_entry("2", task(2, data=text))]))
    return body.encode().replace(f'"{text}"'.encode(), by)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"id": 1e999}',
        b'"\xff\xfe"',
        b'"\\ud800"',
        b'"a\x00b"',
        b"nul",
    ],
    ids=["deep", "digits", "infinite", "no UTF-8", "half a pair", "control character", "no JSON"],
)
async def test_one_event_that_cannot_be_read_spoils_no_other(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    handler: Handler,
    data: bytes,
) -> None:
    body = _replaced("here", data)
    async with serving(app, board) as client:
        response = await client.post("/on", content=body, headers={"content-type": "application/json"})
    if data == b"nul":
        assert response.status_code == 500
        assert handler.handled == []
        return
    assert response.json() == {
        "statuses": [{"entryId": "1", "status": "SUCCESS"}, {"entryId": "2", "status": "SUCCESS"}]
    }
    assert handler.handled == [1]
    assert exchange.topics == ["tasks-dead"]


async def test_a_validator_with_a_bug_fails_only_its_event(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler, exchange: ScriptedExchange
) -> None:
    entries = [bulk_entry("1", task(1)), bulk_entry("2", task(2, data={"id": 2, "title": "broken"}))]
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", entries) == {"1": "SUCCESS", "2": "RETRY"}
    assert handler.handled == [1]
    assert exchange.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b'{"type": "com.dapr.event.sent.bulk"}',
        b'{"type": "com.dapr.event.sent.bulk", "entries": {}}',
        b'{"type": "com.dapr.event.sent.bulk", "entries": [}',
        b'{"type": "com.dapr.event.sent.bulk", "entries": []} {}',
        b'{"type": "com.dapr.event.sent.bulk", "entries": [',
    ],
)
async def test_a_request_that_cannot_be_read_at_all_is_to_come_again(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    handler: Handler,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(app, board) as client:
        response = await client.post("/on", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 500, "of a 2xx without statuses daprd says the same, of a 404 it drops all"
    assert exchange.requests == []
    assert "could not be read, and is to come again" in caplog.text


async def test_odd_entries_are_told_apart(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, handler: Handler
) -> None:
    entries = [
        {"event": task(1)},
        {"entryId": "", "event": task(2)},
        {"entryId": 3, "event": task(3)},
        "text",
        {"entryId": "no event"},
        {"entryId": "null", "event": None},
        {"entryId": "bare", "event": task(4)},
        {"entryId": "metadata", "event": task(5), "metadata": {"n": 1}, "contentType": None},
    ]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries)
    assert statuses == dict.fromkeys(("no event", "null", "bare", "metadata"), "SUCCESS")
    assert sorted(handler.handled) == [4, 5], "nobody could be told what became of the others"
    assert exchange.topics == ["tasks-dead", "tasks-dead"]


async def test_entries_that_share_an_id_get_the_worst_of_their_statuses(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler
) -> None:
    handler.failing = {2}
    entries = [bulk_entry("same", task(n)) for n in (1, 2, 3)]
    async with serving(app, board) as client:
        response = await client.post("/on", json=bulk_body(entries))
    assert response.json() == {"statuses": [{"entryId": "same", "status": "RETRY"}]}
    assert sorted(handler.handled) == [1, 2, 3]


async def test_one_line_for_each_failure_and_none_for_what_was_not_run(
    app: FastAPI, board: Outboard, serving: Serving, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    handler.failing = {1, 5}
    entries = [bulk_entry(str(n), task(n, partitionkey=str(n // 5))) for n in range(10)]
    async with serving(app, board) as client:
        for _ in range(2):
            await deliver_bulk(client, "/on", entries)
    records = [record for record in caplog.records if record.name == "outboard.subscriptions"]
    told = [record.getMessage() for record in records if record.levelno >= logging.INFO]
    assert [line[: line.index(" of topic")] for line in told] == ["event 'e-5'", "event 'e-1'"] * 2
    assert [line[-len("(attempt 1 here)") :] for line in told[1:3]] == [
        "(attempt 1 here)",
        "(attempt 2 here)",
    ]


async def test_a_token_is_asked_for(exchange: ScriptedExchange, serving: Serving) -> None:
    board = Outboard(environ={"APP_API_TOKEN": "sesame"})
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    handler = Handler()
    board.topic("tasks", Task).subscribe("/on", bulk=True)(handler)
    async with serving(app, board) as client:
        response = await client.post("/on", json=bulk_body([bulk_entry("1", task(1))]))
    assert (response.status_code, handler.handled) == (401, [])


async def refuse() -> None:
    raise HTTPException(403, "not allowed")


@pytest.mark.parametrize("where", ["app", "router", "included", "twice", "outer"])
async def test_a_handler_without_dependencies_skips_none_of_the_routers_around_it(
    board: Outboard, serving: Serving, where: str
) -> None:
    guard = [Depends(refuse)]
    app = FastAPI(lifespan=board.lifespan, dependencies=guard if where == "app" else [])
    router = APIRouter(dependencies=guard if where == "router" else [])
    outer = APIRouter(dependencies=guard if where == "outer" else [])
    handler = Handler()
    board.topic("tasks", Task).subscribe("/on", bulk=True, router=router)(handler)
    outer.include_router(router)
    app.include_router(outer, dependencies=guard if where == "included" else [])
    if where == "twice":
        app.include_router(outer, prefix="/other", dependencies=guard)
    board.mount(app)
    path = "/other/on" if where == "twice" else "/on"
    async with serving(app, board) as client:
        assert await deliver_bulk(client, path, [bulk_entry("1", task(1))]) == {"1": "RETRY"}
        assert (await client.post(path, json=task(1))).json() == {"status": "RETRY"}
    assert handler.handled == []


async def test_a_guard_of_the_app_holds_for_handlers_without_a_router(serving: Serving) -> None:
    board = Outboard(environ={})
    app = FastAPI(lifespan=board.lifespan, dependencies=[Depends(refuse)])
    board.mount(app)
    handler = Handler()
    board.topic("tasks", Task).subscribe("/on", bulk=True)(handler)
    async with serving(app, board) as client:
        assert (await client.post("/on", json=task(1))).json() == {"status": "RETRY"}
    assert handler.handled == []


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, "SUCCESS"),
        (DeliveryStatus.RETRY, "RETRY"),
        ({"status": "RETRY"}, "RETRY"),
        (Response(status_code=404), "RETRY"),
        (Response(status_code=204), "SUCCESS"),
    ],
)
async def test_what_a_handler_returns(
    app: FastAPI, board: Outboard, serving: Serving, result: Any, expected: str
) -> None:
    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task]) -> DeliveryStatus | None:
        return result  # type: ignore[no-any-return]

    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", [bulk_entry("1", task(1))]) == {"1": expected}


async def test_the_app_s_exception_handlers_see_what_is_raised(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    seen: list[str] = []
    calls: list[int] = []

    @app.exception_handler(LookupError)
    async def answer(request: Request, error: Exception) -> JSONResponse:
        seen.append(str(error))
        return JSONResponse({})

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task]) -> None:
        calls.append(event.data.id)
        raise LookupError("not yet")

    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", [bulk_entry("1", task(1))]) == {"1": "RETRY"}
    assert (seen, calls) == (["not yet"], [1])


async def test_background_tasks_end_before_the_answer(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise OSError("disk full")

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task], tasks: BackgroundTasks) -> None:
        tasks.add_task(fail, event.data.id)

    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [bulk_entry(str(n), task(n)) for n in (1, 2)])
    assert statuses == {"1": "SUCCESS", "2": "RETRY"}


async def test_a_plain_function_runs_in_a_thread(app: FastAPI, board: Outboard, serving: Serving) -> None:
    names: list[Mapping[str, Any]] = []

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    def on_task(event: Event[Task]) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        names.append({"id": event.data.id})

    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [bulk_entry(str(n), task(n)) for n in (1, 2)])
    assert set(statuses.values()) == {"SUCCESS"}
    assert len(names) == 2


async def test_a_handler_that_is_cancelled_from_within_is_retry(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task]) -> None:
        if event.data.id == 2:
            raise asyncio.CancelledError

    entries = [bulk_entry(str(n), task(n, partitionkey="a" if n > 1 else "b")) for n in (1, 2, 3)]
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", entries) == {"1": "SUCCESS", "2": "RETRY", "3": "RETRY"}


async def test_metadata_of_an_event_does_not_speak_for_others(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    seen: list[dict[str, str]] = []

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task], request: Request) -> None:
        seen.append(dict(request.headers))

    metadata = {
        "Authorization": "a",
        "cookie": "c",
        "X-User-Id": "u",
        "host": "evil",
        "x-correlation-id": "7",
    }
    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", [bulk_entry("1", task(1), metadata)])
    (headers,) = seen
    assert not {"authorization", "cookie", "x-user-id"} & set(headers)
    assert headers["x-correlation-id"] == "7"
    assert headers["host"] != "evil"
