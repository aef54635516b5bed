"""What synchronous code asks through `.sync` is done on the board's event loop, and no other loop is used."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Event, NotConnected, Outboard, PublishFailed, SidecarUnavailable, State, Topic
from outboard.errors import EtagMismatch, EventLoopBlocked, InvalidEventData, WrongEventLoop
from outboard.kit.state.store import SyncState
from outboard.kit.topic import SyncTopic
from outboard.wire.http import Request, Response
from support.scripted import ScriptedExchange
from support.serving import Serving

R = TypeVar("R")

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JSON = {"content-type": "application/json"}


class Task(BaseModel):
    id: int


async def in_a_thread(function: Callable[[], R]) -> R:
    """A thread that knows nothing of this context, unlike those of `asyncio.to_thread`."""
    return await asyncio.get_running_loop().run_in_executor(None, function)


@pytest.mark.anyio
async def test_another_event_loop_is_refused_before_anything_is_sent(
    board: Outboard, exchange: ScriptedExchange
) -> None:
    topic, state = board.topic("tasks", Task), board.state(Task)

    async def transact() -> None:
        async with state.transaction() as changes:
            changes.delete("a")

    calls: list[Callable[[], Any]] = [
        lambda: topic.publish(Task(id=1)),
        lambda: topic.publish_event(Event(data=Task(id=1))),
        lambda: board.publish("tasks", 1),
        lambda: state.get("a"),
        lambda: state.get_many(["a"]),
        lambda: state.save("a", Task(id=1)),
        lambda: state.save_many({"a": Task(id=1)}),
        lambda: state.delete("a"),
        transact,
    ]
    async with board.connected(exchange=exchange):
        for call in calls:
            with pytest.raises(WrongEventLoop, match=r"nothing was sent.*topic\.sync\.publish"):
                await in_a_thread(lambda call=call: asyncio.run(call()))  # type: ignore[misc]
    assert exchange.requests == []


@pytest.mark.anyio
async def test_each_loop_uses_its_own_connection(board: Outboard, exchange: ScriptedExchange) -> None:
    other = ScriptedExchange()

    there, both_open = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        async with board.connected(exchange=other):
            await board.publish("there", 1)
            there.set()
            await asyncio.to_thread(both_open.wait)

    async with board.connected(exchange=exchange):
        running = asyncio.create_task(in_a_thread(lambda: asyncio.run(elsewhere())))
        await asyncio.to_thread(there.wait)
        await board.publish("here", 1)
        both_open.set()
        await running
    assert (exchange.topics, other.topics) == (["here"], ["there"])


@pytest.mark.anyio
async def test_an_endpoint_in_a_thread(board: Outboard, serving: Serving, exchange: ScriptedExchange) -> None:
    topic, state = board.topic("tasks", Task), board.state(Task)
    app = FastAPI(lifespan=board.lifespan)

    @app.post("/tasks")
    def create() -> str:
        state.sync.save("1", Task(id=1), ttl=60)
        return topic.sync.publish(Task(id=1), key=1, subject="s").id

    board.mount(app)
    async with serving(app, board) as client:
        answer = await client.post("/tasks", headers={"traceparent": TRACE})
    saved, published = exchange.requests
    assert (saved.target, b'"ttlInSeconds":"60"' in saved.body) == ("/v1.0/state/statestore", True)
    assert published.target.endswith("partitionKey=1")
    [event] = exchange.events
    assert (event["id"], event["subject"]) == (answer.json(), "s")
    assert event["traceparent"].split("-")[1] == TRACE.split("-")[1]


@pytest.mark.anyio
async def test_a_handler_in_a_thread(
    board: Outboard, serving: Serving, exchange: ScriptedExchange, envelope: dict[str, Any]
) -> None:
    done = board.topic("done", int)

    @board.topic("tasks").subscribe("/task")
    def on_task(event: Event[object]) -> None:
        done.sync.publish(1)

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with serving(app, board) as client:
        headers = {"content-type": "application/cloudevents+json"}
        answer = await client.post("/task", json=envelope | {"traceparent": TRACE}, headers=headers)
    assert answer.json() == {"status": "SUCCESS"}
    [event] = exchange.events
    assert event["causationid"] == envelope["id"]
    assert event["traceparent"].split("-")[1] == TRACE.split("-")[1]


def test_without_any_loop_a_transaction_is_refused(board: Outboard, exchange: ScriptedExchange) -> None:
    with board.connected(exchange=exchange), pytest.raises(WrongEventLoop):
        board.state().transaction()


@pytest.mark.anyio
async def test_on_the_thread_of_the_loop_it_is_refused(board: Outboard, exchange: ScriptedExchange) -> None:
    topic, state = board.topic("tasks", Task), board.state(Task)
    async with board.connected(exchange=exchange):
        with pytest.raises(EventLoopBlocked, match=r"publishing to topic 'tasks'.*awaits the same call"):
            topic.sync.publish(Task(id=1))
        with pytest.raises(EventLoopBlocked):
            state.sync.get("a")
        with pytest.raises(EventLoopBlocked), state.sync.transaction() as changes:
            changes.delete("a")
    assert exchange.requests == []


def test_a_script_has_a_loop_of_its_own(board: Outboard, exchange: ScriptedExchange) -> None:
    topic, state = board.topic("tasks", Task), board.state(Task)
    exchange.answers.extend(
        [
            Response(200, {**JSON, "etag": "3"}, b'{"id":7}'),
            Response(200, JSON, b'[{"key":"7","data":{"id":7},"etag":"3"}]'),
            Response(200, {**JSON, "etag": "3"}, b'{"id":7}'),
        ]
    )
    with board.connected(exchange=exchange):
        assert state.sync.get(7) == Task(id=7)
        assert state.sync.get_many([7])[7].etag == "3"
        assert state.sync.entry("7", consistency="strong").etag == "3"
        state.sync.save_many({"a": Task(id=1), "b": Task(id=2)})
        state.sync.delete("a", etag="3")
        with state.sync.transaction() as changes:
            changes.save("a", Task(id=1))
            changes.delete("b")
        with state.sync.transaction():
            pass
        assert topic.sync.publish_event(Event(id="42", data=Task(id=1)), key="k").id == "42"
        assert topic.sync.publish(Task(id=1)).data == Task(id=1)
    targets = [request.target.partition("?")[0] for request in exchange.requests]
    assert targets[3:] == [
        "/v1.0/state/statestore",
        "/v1.0/state/statestore/a",
        "/v1.0/state/statestore/transaction",
        "/v1.0/publish/pubsub/tasks",
        "/v1.0/publish/pubsub/tasks",
    ]
    with pytest.raises(NotConnected, match="outside the app"):
        topic.sync.publish(Task(id=1))


def test_errors_come_as_they_are(board: Outboard, exchange: ScriptedExchange) -> None:
    topic: Any = board.topic("tasks", Task)
    state = board.state(Task)
    exchange.answers.append(Response(500, JSON, b'{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"m"}'))
    exchange.answers.append(Response(409, JSON, b'{"errorCode":"ERR_STATE_SAVE","message":"etag"}'))
    with board.connected(exchange=exchange):
        with pytest.raises(PublishFailed):
            topic.sync.publish(Task(id=1))
        with pytest.raises(EtagMismatch):
            state.sync.save("a", Task(id=1), etag="3")
        with pytest.raises(InvalidEventData):
            topic.sync.publish("text")
        with pytest.raises(TypeError, match="kee"):
            topic.sync.publish(Task(id=1), kee="k")
        with pytest.raises(KeyError), state.sync.transaction() as changes:
            changes.delete("a")
            raise KeyError
    assert len(exchange.requests) == 2


def test_an_error_of_the_block_ends_the_connection(board: Outboard, exchange: ScriptedExchange) -> None:
    before = threading.enumerate()
    for kind in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(kind), board.connected(exchange=exchange):
            board.topic("tasks").sync.publish(1)
            raise kind
    assert len(exchange.events) == 3
    assert threading.enumerate() == before


class Silent:
    """A sidecar that never answers."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.asked.set()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["publish", "state"])
async def test_who_waits_hears_of_the_end_of_the_connection(what: str) -> None:
    board = Outboard(environ={}, timeout=0)
    silent = Silent()

    def call() -> None:
        if what == "publish":
            board.topic("tasks").sync.publish(1, timeout=600)
        else:
            board.state().sync.get("a", timeout=600)

    async with board.connected(exchange=silent):
        waiting = asyncio.ensure_future(in_a_thread(call))
        await asyncio.to_thread(silent.asked.wait)
    with pytest.raises(SidecarUnavailable, match="disconnected before there was an answer"):
        await waiting


@pytest.mark.anyio
async def test_a_script_in_a_thread_of_an_app_leaves_the_app_its_connection(board: Outboard) -> None:
    of_app, topic = ScriptedExchange(), board.topic("tasks")
    of_script = ScriptedExchange()

    def script() -> None:
        with board.connected(exchange=of_script):
            topic.sync.publish("script")

    async with board.connected(exchange=of_app):
        await in_a_thread(script)
        await topic.publish("app")
    assert [event["data"] for event in of_app.events] == ["app"]
    assert [event["data"] for event in of_script.events] == ["script"]


@pytest.mark.parametrize(
    ("synchronous", "asynchronous"), [(SyncTopic, Topic), (SyncState, State)], ids=["topic", "state"]
)
def test_both_ways_have_the_same_methods_and_parameters(synchronous: Any, asynchronous: Any) -> None:
    def parameters(method: Any) -> set[str]:
        found: set[str] = set()
        for name, parameter in inspect.signature(method).parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                found |= set(get_type_hints(get_type_hints(method)[name].__args__[0]))
            else:
                found.add(name)
        return found

    awaited = {
        name
        for name, method in inspect.getmembers(asynchronous, inspect.isfunction)
        if not name.startswith("_") and (inspect.iscoroutinefunction(method) or name == "transaction")
    }
    own = {
        name for name, _ in inspect.getmembers(synchronous, inspect.isfunction) if not name.startswith("_")
    }
    assert own == awaited
    for name in own:
        assert parameters(getattr(synchronous, name)) == parameters(getattr(asynchronous, name)), name
