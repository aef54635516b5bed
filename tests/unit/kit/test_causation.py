"""What an event comes of, in CloudEvents' attributes `correlationid` and `causationid`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import anyio.to_thread
import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from starlette.types import Message

from outboard import Drop, Event, InvalidCloudEvent, Outboard
from outboard.kit.telemetry.creation import Creation
from support.bulk import bulk_entry, deliver_bulk
from support.scripted import ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"
CONVERSATION = "order-4711"


def told(event: dict[str, Any]) -> tuple[str | None, str | None]:
    return event.get("correlationid"), event.get("causationid")


def attributed(**attributes: object) -> dict[str, Any]:
    """Extension attributes for the constructor of `Event`, which does not name them."""
    return attributes


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @app.post("/twice")
    async def twice(tasks: BackgroundTasks) -> None:
        await board.publish("t", 1)
        await asyncio.create_task(board.publish("t", 2))
        tasks.add_task(board.publish, "t", 3)

    @app.post("/sync")
    def in_thread(tasks: BackgroundTasks) -> None:
        tasks.add_task(board.publish, "t", 1)
        tasks.add_task(board.publish, "t", 2)

    return app


async def delivered(client: httpx.AsyncClient, event: dict[str, Any], path: str = "/on") -> httpx.Response:
    headers = {"content-type": "application/cloudevents+json"}
    return await client.post(path, content=json.dumps(event), headers=headers)


@pytest.mark.parametrize(("path", "count"), [("/twice", 3), ("/sync", 2)])
async def test_a_request_is_one_conversation_and_not_that_of_another(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, path: str, count: int
) -> None:
    async with serving(app, board) as client:
        for _ in range(2):
            await client.post(path)
        await board.publish("t", "outside")
    conversations = [event["correlationid"] for event in exchange.events]
    first, second, outside = conversations[:count], conversations[count:-1], conversations[-1]
    assert len({*first}) == len({*second}) == 1
    assert len({*first, *second, outside}) == 3
    assert not any("causationid" in event for event in exchange.events)
    traces = [event["traceparent"].split("-")[1] for event in exchange.events]
    assert traces == conversations, "what hands on the trace hands on the conversation"
    spans = {event["traceparent"].split("-")[2] for event in exchange.events}
    assert len(spans) == len(exchange.events)


async def test_requests_at_once_do_not_mix(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    async with serving(app, board) as client:
        await asyncio.gather(*(client.post("/twice") for _ in range(8)))
    by_conversation: dict[str, list[int]] = {}
    for event in exchange.events:
        by_conversation.setdefault(event["correlationid"], []).append(event["data"])
    assert len(by_conversation) == 8
    assert all(sorted(data) == [1, 2, 3] for data in by_conversation.values())


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-correlation-id": CONVERSATION}, CONVERSATION),
        ({"x-correlation-id": f"  {CONVERSATION} ", "traceparent": TRACE}, CONVERSATION),
        ({"ce-correlationid": "binary", "x-correlation-id": CONVERSATION}, "binary"),
        ({"traceparent": TRACE}, TRACE_ID),
        ({"x-correlation-id": "", "traceparent": TRACE}, TRACE_ID),
        ({"x-correlation-id": "a\tb", "traceparent": TRACE}, TRACE_ID),
        ({"x-correlation-id": "é".encode(), "traceparent": TRACE}, TRACE_ID),
        ({"x-correlation-id": "a" * 1_025, "traceparent": TRACE}, TRACE_ID),
    ],
)
async def test_a_request_may_name_its_conversation(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    headers: dict[str, Any],
    expected: str,
) -> None:
    async with serving(app, board) as client:
        await client.post("/twice", headers=headers)
    assert [event["correlationid"] for event in exchange.events] == [expected] * 3


async def test_threads_of_a_request_begin_its_conversation_once(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    ready = threading.Barrier(8)
    conversations = []

    @app.post("/threads")
    async def in_many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(anyio.to_thread.run_sync, one)

    def one() -> None:
        ready.wait(10)
        event, _ = board.topic("t").publisher.new_event(1, "t", Creation())
        conversations.append(event.correlationid)

    async with serving(app, board) as client:
        await client.post("/threads")
    assert len(conversations) == 8
    assert len(set(conversations)) == 1


async def connect(app: FastAPI, path: str, headers: dict[str, str]) -> None:
    """A websocket, opened and closed."""
    messages: Iterator[Message] = iter(
        [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    )

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        assert message["type"] in ("websocket.accept", "websocket.close")

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": path, "headers": raw, "query_string": b"", "subprotocols": []}
    await app(scope, receive, send)


async def test_a_websocket_is_many_conversations_unless_it_names_one(
    board: Outboard, exchange: ScriptedExchange
) -> None:
    app = FastAPI()
    board.mount(app)

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        async with board.connected(exchange=exchange):
            await board.publish("t", 1)
            await board.publish("t", 2)
        await socket.close()

    for headers in ({}, {"traceparent": TRACE}, {"x-correlation-id": CONVERSATION}):
        await connect(app, "/chat", headers)
    conversations = [event["correlationid"] for event in exchange.events]
    assert len(set(conversations[:2])) == 2
    assert conversations[2:] == [TRACE_ID, TRACE_ID, CONVERSATION, CONVERSATION]


@pytest.mark.parametrize("kind", ["async", "sync", "blocking", "background", "task"])
async def test_an_event_is_the_cause_of_what_its_handler_publishes(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    kind: str,
) -> None:
    topic = board.topic("in")
    handlers: dict[str, Callable[..., Any]] = {}

    async def in_async(event: Event[object]) -> None:
        await board.publish("t", 1)

    def in_sync(event: Event[object], tasks: BackgroundTasks) -> None:
        made: Event[object]
        made, _ = board.topic("t").publisher.new_event(1, "t", Creation())
        tasks.add_task(board.topic("t").publish_event, made)

    def in_blocking(event: Event[object]) -> None:
        board.topic("t").sync.publish(1)

    async def in_background(event: Event[object], tasks: BackgroundTasks) -> None:
        tasks.add_task(board.publish, "t", 1)

    async def in_task(event: Event[object]) -> None:
        await asyncio.create_task(board.publish("t", 1))

    handlers = {
        "async": in_async,
        "sync": in_sync,
        "blocking": in_blocking,
        "background": in_background,
        "task": in_task,
    }
    topic.subscribe("/on")(handlers[kind])
    async with serving(app, board) as client:
        await delivered(client, envelope | {"correlationid": CONVERSATION, "causationid": "e-0"})
        await delivered(client, envelope | {"id": "e-2", "traceparent": TRACE})
        await delivered(client, envelope | {"id": "e-3"})
        await board.publish("t", "outside")
    assert list(map(told, exchange.events[:3])) == [
        (CONVERSATION, "e-1"),
        (TRACE_ID, "e-2"),
        ("e-3", "e-3"),
    ]
    assert "causationid" not in exchange.events[3]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"correlationid": 7}, (TRACE_ID, "e-1")),
        ({"correlationid": ""}, (TRACE_ID, "e-1")),
        ({"correlationid": "a\u0000b"}, (TRACE_ID, "e-1")),
        ({"correlationid": "a" * 1_025}, (TRACE_ID, "e-1")),
        ({"id": "a\ufdd0b"}, (TRACE_ID, None)),
        ({"id": "a" * 1_025}, (TRACE_ID, None)),
        ({"correlationid": "größer", "id": "größer 1"}, ("größer", "größer 1")),
    ],
)
async def test_a_stranger_s_ids_never_keep_an_event_from_being_published(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    attributes: dict[str, object],
    expected: tuple[str, str | None],
) -> None:
    @board.topic("in").subscribe("/on")
    async def on_event(event: Event[object]) -> None:
        await board.publish("t", 1)

    async with serving(app, board) as client:
        answer = await delivered(client, envelope | {"traceparent": TRACE} | attributes)
    assert answer.json() == {"status": "SUCCESS"}
    assert told(exchange.events[0]) == expected


async def test_each_event_of_a_bulk_delivery_is_a_cause_of_its_own(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("in").subscribe("/on", bulk=True)
    async def on_event(event: Event[object]) -> None:
        await board.publish("t", event.id)

    events = [envelope | {"id": str(number), "correlationid": f"c{number}"} for number in range(4)]
    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", [bulk_entry(event["id"], event) for event in events])
    assert sorted((event["data"], *told(event)) for event in exchange.events) == [
        (str(number), f"c{number}", str(number)) for number in range(4)
    ]


async def test_a_batch_names_no_event_unless_the_author_does(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("in").subscribe_batch("/on")
    async def on_events(events: Sequence[Event[object]]) -> None:
        await board.publish("t", len(events))
        for event in events[1:]:
            await board.publish("t", 0, correlationid=event.correlationid, causationid=event.id)

    events = [envelope | {"id": str(number), "correlationid": f"c{number}"} for number in range(2)]
    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", [bulk_entry(event["id"], event) for event in events])
        await deliver_bulk(client, "/on", [bulk_entry("0", events[0])])
    of_batch, named, alone = map(told, exchange.events)
    assert of_batch[0] not in ("c0", "c1", None)
    assert of_batch[1] is None
    assert named == ("c1", "1")
    assert alone == ("c0", "0"), "a batch of one has a cause"


@pytest.mark.parametrize("as_extensions", [True, False])
async def test_the_author_may_set_both(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    as_extensions: bool,
) -> None:
    both = {"correlationid": CONVERSATION, "causationid": "mine"}
    said: dict[str, Any] = {"extensions": both} if as_extensions else both

    @board.topic("in").subscribe("/on")
    async def on_event(event: Event[object]) -> None:
        published = await board.publish("t", 1, **said)
        assert (published.correlationid, published.causationid) == (CONVERSATION, "mine")

    async with serving(app, board) as client:
        await delivered(client, envelope)
        event = await board.topic("t").publish_event(Event(data=1), **both)  # type: ignore[arg-type]
    assert list(map(told, exchange.events)) == [(CONVERSATION, "mine")] * 2
    assert (event.correlationid, event.causationid) == (CONVERSATION, "mine")


async def test_a_trace_of_the_author_s_is_the_conversation_where_nothing_else_says(
    board: Outboard, exchange: ScriptedExchange
) -> None:
    async with board.connected(exchange=exchange):
        await board.publish("t", 1, extensions={"traceparent": TRACE})
        await board.publish("t", 1, extensions={"traceparent": "nonsense"})
        await board.topic("t").publish_event(Event(data=1, **attributed(traceparent=TRACE)))
    first, second, third = exchange.events
    assert (first["correlationid"], third["correlationid"]) == (TRACE_ID, TRACE_ID)
    assert len(second["correlationid"]) == 32


@pytest.mark.parametrize("name", ["correlationid", "causationid"])
@pytest.mark.parametrize("value", ["", 7, b"x"])
async def test_an_id_that_is_no_text_is_refused(
    board: Outboard, exchange: ScriptedExchange, name: str, value: Any
) -> None:
    async with board.connected(exchange=exchange):
        for said in ({name: value}, {"extensions": {name: value}}):
            with pytest.raises(InvalidCloudEvent, match=f"'{name}' has to be a text that is not empty"):
                await board.publish("t", 1, **said)
        with pytest.raises(InvalidCloudEvent, match=name):
            await board.topic("t").publish_event(Event(data=1), **{name: value})
    assert exchange.requests == []


@pytest.mark.parametrize("name", ["traceid", "traceparent", "tracestate"])
async def test_a_trace_that_is_no_text_is_refused_since_daprd_crashes_at_it(
    board: Outboard, exchange: ScriptedExchange, name: str
) -> None:
    async with board.connected(exchange=exchange):
        with pytest.raises(InvalidCloudEvent, match=f"'{name}' has to be a text, not 7"):
            await board.publish("t", 1, extensions={name: 7})
        with pytest.raises(InvalidCloudEvent, match=f"'{name}' has to be a text, not 7"):
            await board.topic("t").publish_event(Event(data=1, **attributed(**{name: 7})))
    assert exchange.requests == []


async def test_what_is_published_once_more_keeps_what_it_came_of(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    replayed: list[Event[object]] = []

    @board.topic("in-dead", dead_letter=None).subscribe("/dead")
    async def on_dead(event: Event[object]) -> None:
        replayed.append(await board.topic("in").publish_event(event))

    first = {"correlationid": CONVERSATION, "traceparent": TRACE, "traceid": TRACE}
    async with serving(app, board) as client:
        await delivered(client, envelope | first, "/dead")
        await delivered(client, envelope | first | {"causationid": "e-0"}, "/dead")
        await delivered(client, envelope, "/dead")
    assert list(map(told, exchange.events)) == [(CONVERSATION, None), (CONVERSATION, "e-0"), ("e-1", None)]
    assert [event["traceparent"] for event in exchange.events[:2]] == [TRACE, TRACE]


async def test_a_dead_letter_belongs_to_the_conversation_of_its_event(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("in").subscribe("/on")
    async def on_event(event: Event[object]) -> None:
        raise Drop("no")

    async with serving(app, board) as client:
        await delivered(client, envelope | {"correlationid": CONVERSATION, "causationid": "e-0"})
        await delivered(client, envelope)
    assert exchange.topics == ["in-dead", "in-dead"]
    assert list(map(told, exchange.events)) == [(CONVERSATION, "e-0"), (None, None)]


async def test_two_boards_of_an_app_speak_of_one_conversation(exchange: ScriptedExchange) -> None:
    boards = [Outboard(app_id=name, environ={}) for name in ("one", "two")]
    app = FastAPI()
    for board in boards:
        board.mount(app)

    @app.post("/both")
    async def both() -> None:
        for board in boards:
            await board.publish("t", 1)

    async with (
        boards[0].connected(exchange=exchange),
        boards[1].connected(exchange=exchange),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client,
    ):
        await client.post("/both")
    assert len({event["correlationid"] for event in exchange.events}) == 1
