"""A board whose events come by streams: what its apps do, from their start to their end."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from dapr.proto.runtime.v1 import pubsub_pb2
from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventRequest, TopicEventResponse
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request

from outboard import BulkOptions, Drop, Event, NotConnected, Outboard, current_event
from outboard.asgi import AsgiLifespan
from outboard.errors import ExtraMissing, HandlerUnsuitable, NotStreaming, RouterNotIncluded
from outboard.testing import Harness
from support.grpc_sidecar import GrpcSidecarStub

pytestmark = pytest.mark.anyio

SUCCESS, RETRY = TopicEventResponse.SUCCESS, TopicEventResponse.RETRY


class Topics:
    """Streams to which a test sends events; each has the statuses that were answered."""

    def __init__(self) -> None:
        self.sending: dict[str, asyncio.Queue[TopicEventRequest]] = {}
        self.settled: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.more = asyncio.Event()

    async def send(self, topic: str, id: str, data: object) -> None:
        while topic not in self.sending:
            self.more.clear()
            await self.more.wait()
        self.sending[topic].put_nowait(
            TopicEventRequest(
                id=id, source="s", type="t", spec_version="1.0", topic=topic, pubsub_name="pubsub",
                data_content_type="application/json", data=json.dumps(data).encode(),
            )
        )  # fmt: skip

    async def __call__(self, requests: AsyncIterator[Any], context: Any) -> None:
        topic = (await anext(aiter(requests))).initial_request.topic
        queue: asyncio.Queue[TopicEventRequest] = asyncio.Queue()
        self.sending[topic] = queue
        initial = pubsub_pb2.SubscribeTopicEventsResponseInitialAlpha1()
        await context.write(pubsub_pb2.SubscribeTopicEventsResponseAlpha1(initial_response=initial))
        self.more.set()

        async def send() -> None:
            while True:
                message = pubsub_pb2.SubscribeTopicEventsResponseAlpha1(event_message=await queue.get())
                await context.write(message)

        sending = asyncio.create_task(send())
        try:
            async for request in requests:
                self.settled.put_nowait((request.event_processed.id, request.event_processed.status.status))
        finally:
            sending.cancel()


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
async def stub(topics: Topics) -> AsyncIterator[GrpcSidecarStub]:
    stub = GrpcSidecarStub(streamed=topics)
    async with stub.serving():
        yield stub


@pytest.fixture
def board(stub: GrpcSidecarStub) -> Outboard:
    environ = {"DAPR_GRPC_PORT": str(stub.port), "DAPR_API_PROTOCOL": "grpc", "APP_API_TOKEN": "sesame"}
    return Outboard(app_id="todo", streaming=True, environ=environ)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """As a server runs it."""
    lifespan = AsgiLifespan(app)
    await lifespan.start()
    try:
        yield
    finally:
        await lifespan.end()


async def test_outcomes_are_those_of_http(board: Outboard, topics: Topics, stub: GrpcSidecarStub) -> None:
    tasks = board.topic("tasks", dict[str, int])

    @tasks.subscribe("/events/task")
    async def on_task(event: Event[dict[str, int]]) -> None:
        number = event.data["n"]
        if number == 2:
            raise ValueError(number)
        if number == 3:
            raise Drop("unlucky")
        if number == 4:
            raise HTTPException(404)

    async with board.subscribed():
        for id, data in (("1", {"n": 1}), ("2", {"n": 2}), ("3", {"n": 3}), ("4", {"n": 4}), ("5", "poison")):
            await topics.send("tasks", id, data)
            assert await topics.settled.get() == (id, RETRY if id in "24" else SUCCESS)
    letters = [(each.topic, json.loads(each.data)["deadletterreason"]) for each in stub.sent("PublishEvent")]
    assert [topic for topic, _ in letters] == ["tasks-dead", "tasks-dead"]
    assert letters[0][1] == "unlucky"


async def session(request: Request) -> AsyncIterator[str]:
    yield "session"
    request.app.state.committed += 1


async def tenant(request: Request, event: Annotated[Event[object], Depends(current_event)]) -> str:
    return f"{request.app.state.name} {request.state.engine} {event.id} {request.url.path}"


async def test_handlers_have_what_fastapi_gives_them(board: Outboard, topics: Topics) -> None:
    router = APIRouter(prefix="/v1")
    seen: list[Any] = []

    @board.topic("tasks", int).subscribe("/task", router=router)
    async def on_task(
        event: Event[int], db: Annotated[str, Depends(session)], who: Annotated[str, Depends(tenant)]
    ) -> None:
        seen.extend([event.data, db, who])

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        async with board.lifespan(app):
            yield {"engine": "engine"}

    app = FastAPI(lifespan=lifespan)
    app.state.name, app.state.committed = "shop", 0
    app.include_router(router)
    board.mount(app)

    async def other_session() -> str:
        return "another"

    async with running(app):
        await topics.send("tasks", "1", 7)
        await topics.settled.get()
        app.dependency_overrides[session] = other_session
        await topics.send("tasks", "2", 8)
        await topics.settled.get()
    assert seen == [7, "session", "shop engine 1 /v1/task", 8, "another", "shop engine 2 /v1/task"]
    assert app.state.committed == 1


async def test_events_come_while_the_app_is_all_there(board: Outboard, topics: Topics) -> None:
    steps: list[str] = []

    @board.topic("tasks", int).subscribe("/task")
    async def on_task(event: Event[int]) -> None:
        steps.append("begun")
        topics.more.set()
        await asyncio.sleep(0.05)
        steps.append("ended")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with board.lifespan(app):
            await asyncio.sleep(0.05)
            steps.append(f"started, {len(topics.sending)} streams open")
            yield
            steps.append("shut down")

    app = FastAPI(lifespan=lifespan)
    board.mount(app)
    async with running(app):
        await topics.send("tasks", "1", 7)
        topics.more.clear()
        await topics.more.wait()
    assert steps == ["started, 0 streams open", "begun", "ended", "shut down"]
    assert await topics.settled.get() == ("1", SUCCESS)


async def test_the_sidecar_is_told_of_no_subscription(board: Outboard) -> None:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @board.topic("tasks").subscribe("/task")
    async def on_task(event: Event[object]) -> None: ...

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
    async with running(app), client:
        answer = await client.get("/dapr/subscribe", headers={"dapr-api-token": "sesame"})
    assert (answer.status_code, answer.json()) == (200, [])


async def test_in_the_fixture_its_sidecar_brings_the_events(outboard: Harness) -> None:
    board = Outboard(streaming=True, environ={"DAPR_GRPC_PORT": "1"})
    tasks = board.topic("tasks", int)

    @tasks.subscribe("/task")
    async def on_task(event: Event[int]) -> None: ...

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        await tasks.publish(7)
        assert (await outboard.handled(tasks)).data == 7


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"match": 'event.type == "a"'}, "has match='event.type == \"a\"'"),
        ({"bulk": True}, "asks for bulk delivery"),
        ({"bulk": BulkOptions(concurrency=2)}, "asks for bulk delivery"),
    ],
)
async def test_what_a_stream_cannot_do_is_refused_at_the_start(
    board: Outboard, options: dict[str, Any], problem: str
) -> None:
    @board.topic("tasks").subscribe("/task", **options)
    async def on_task(event: Event[object]) -> None: ...

    with pytest.raises(HandlerUnsuitable) as caught:
        async with board.subscribed():
            pass
    assert "on_task" in caught.value.handler
    assert caught.value.problem.startswith(problem)


async def test_batches_are_refused_at_the_start_too(board: Outboard) -> None:
    @board.topic("tasks").subscribe_batch("/tasks")
    async def on_tasks(events: Sequence[Event[object]]) -> None: ...

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    with pytest.raises(HandlerUnsuitable, match="is given events in batches, and its board takes events by"):
        async with board.lifespan(app):
            pass


async def test_a_router_has_to_be_included_in_an_app(board: Outboard) -> None:
    @board.topic("tasks").subscribe("/task", router=APIRouter())
    async def on_task(event: Event[object]) -> None: ...

    with pytest.raises(RouterNotIncluded):
        async with board.subscribed():
            pass


async def test_a_board_that_does_not_stream_says_how() -> None:
    with pytest.raises(NotStreaming, match=r"Outboard\(streaming=True\)"):
        async with Outboard(environ={}).subscribed():
            pass
    assert Outboard(environ={"OUTBOARD_STREAMING": "true"}).settings.streaming
    assert not Outboard(environ={"OUTBOARD_STREAMING": "true"}, streaming=False).settings.streaming


async def test_an_app_whose_lifespan_is_not_the_boards_does_not_start(board: Outboard) -> None:
    app = FastAPI()
    board.mount(app)
    with pytest.raises((NotConnected, RuntimeError)):
        async with running(app):
            pass


async def test_without_the_extra_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "outboard.kit.client.grpc.streams", None)
    with pytest.raises(ExtraMissing, match=r"a board whose events come by streams needs the package grpcio"):
        async with Outboard(streaming=True, environ={}).subscribed():
            pass
