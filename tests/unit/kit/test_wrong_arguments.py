"""Each public parameter given what is of the wrong type: an error of ours, or a TypeError that names it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from enum import IntEnum
from threading import Lock
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from sqlalchemy.orm import Session

from outboard import BulkOptions, Event, Outboard
from outboard.errors import DeclarationError, HandlerUnsuitable, InvalidName, ModelUnusable, OutboardError
from outboard.wire.http import Response
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio

ID = UUID("1B4E28BA-2FA1-11D2-883F-0016D3CCA427")


class Task(BaseModel):
    id: int


class Colour(IntEnum):
    RED = 1


async def on_task(event: Event[Task]) -> None: ...


async def tried(act: Callable[[], object]) -> Exception | None:
    """What it raises, where it is called or where it is awaited."""
    try:
        result = act()
        if isinstance(result, Awaitable):
            await result
    except Exception as error:
        return error
    return None


WRONG: dict[str, Any] = {
    "a number": 7,
    "a float": 1.5,
    "bytes": b"x",
    "a list": ["x"],
    "a mapping": {"x": object()},
    "an object": object(),
    "a function": lambda: None,
}
NUMBERS = {"timeout", "ttl", "max_event_bytes", "priority", "max_events", "max_await_duration_ms"}
FREE = {"data", "value"}
"""Whatever is given for these is held against a type."""


def right(function: str, name: str, value: object) -> bool:
    """Whether this value may be given for the parameter of this name."""
    kind = type(value)
    if kind is bytes and "publish" in function:
        return name in {"id", "subject", "type"}  # ASCII is read as a text there
    if kind is int:
        return name in NUMBERS | {"key"}
    if kind is float:
        return name in {"timeout", "ttl"}
    if callable(value):
        return name in {"exchange", "type", "dataschema", "handler"}
    return kind is list and name == "keys"


def calls(board: Outboard) -> dict[str, tuple[Callable[..., object], dict[str, Any], set[str]]]:
    """Each public function with arguments that are right, and the names of those to be tried otherwise."""
    topic = board.topic("tasks", Task)
    state = board.state(Task)
    published = {"key", "ttl", "metadata"}
    made = published | {"id", "type", "subject", "extensions"}
    read = {"consistency", "metadata", "timeout"}
    subscribed = {
        *("path", "router", "match", "priority", "dead_letter", "on_invalid", "metadata", "name"),
        "announce_dead_letter",
    }

    def subscribe(path: str, **options: Any) -> None:
        topic.subscribe(path, **options)(on_task)

    async def many(events: list[Event[Task]]) -> None: ...

    def subscribe_batch(path: str, **options: Any) -> None:
        topic.subscribe_batch(path, **options)(many)  # type: ignore[arg-type]

    async def lifespan(app: FastAPI) -> None:
        async with board.lifespan(app):
            pass

    async def connected(exchange: Any) -> None:
        async with board.connected(exchange=exchange):
            pass

    async def saved(key: Any, etag: Any = None, ttl: Any = None) -> None:
        async with state.transaction() as changes:
            changes.save(key, Task(id=1), etag=etag, ttl=ttl)

    async def deleted(key: Any, etag: Any = None) -> None:
        async with state.transaction() as changes:
            changes.delete(key, etag=etag)

    names = {"app_id", "pubsub", "state_store", "timeout", "max_event_bytes", "outbox", "environ", "clock"}
    names |= {"protocol", "streaming"}
    one = Task(id=1)
    return {
        "Outboard": (lambda **given: Outboard(**{"environ": {}} | given), {}, names),
        "topic": (
            board.topic,
            {"name": "x"},
            {"name", "model", "pubsub", "type", "dataschema", "dead_letter", "on_refused"},
        ),
        "board.publish": (board.publish, {"topic": "x", "data": 1}, {"topic", "pubsub", "timeout", *made}),
        "state": (board.state, {}, {"model", "store"}),
        "mount": (board.mount, {"app": FastAPI()}, {"app", "health_path"}),
        "lifespan": (lifespan, {"app": FastAPI()}, {"app"}),
        "connected": (connected, {"exchange": ScriptedExchange()}, {"exchange"}),
        "publish": (topic.publish, {"data": one}, {"timeout", *made}),
        "publish_event": (topic.publish_event, {"event": Event(data=one)}, {"event", "timeout", *published}),
        "stage": (topic.stage, {"session": Session(), "data": one}, {"session"}),
        "subscribe": (subscribe, {"path": "/x"}, {"bulk", *subscribed}),
        "subscribe_batch": (
            subscribe_batch,
            {"path": "/y"},
            {"max_events", "max_await_duration_ms", *subscribed},
        ),
        "get": (state.get, {"key": "k"}, {"key", *read}),
        "entry": (state.entry, {"key": "k"}, {"key", *read}),
        "get_many": (state.get_many, {"keys": ["k"]}, {"keys", "metadata", "timeout"}),
        "save": (state.save, {"key": "k", "value": one}, {"key", "etag", "ttl", "concurrency", *read}),
        "save_many": (state.save_many, {"values": {"k": one}}, {"values", "ttl", "metadata", "timeout"}),
        "delete": (state.delete, {"key": "k"}, {"key", "etag", *read}),
        "transaction": (lambda **given: state.transaction(**given), {}, {"timeout"}),
        "changes.save": (saved, {"key": "k"}, {"key", "etag", "ttl"}),
        "changes.delete": (deleted, {"key": "k"}, {"key", "etag"}),
    }


CASES = [
    pytest.param(function, name, wrong, id=f"{function}-{name}-{said}")
    for function, (_, _, names) in calls(Outboard(environ={})).items()
    for name in sorted(names)
    for said, wrong in WRONG.items()
    if not right(function, name, wrong) and not (said == "a mapping" and name == "environ")
]


@pytest.mark.parametrize(("function", "name", "wrong"), CASES)
async def test_an_argument_of_the_wrong_type_is_named(
    board: Outboard, exchange: ScriptedExchange, function: str, name: str, wrong: Any
) -> None:
    act, arguments, _ = calls(board)[function]
    async with board.connected(exchange=exchange):
        error = await tried(lambda: act(**arguments | {name: wrong}))
    assert isinstance(error, OutboardError | TypeError), repr(error)
    said = str(error)
    assert "has to be" in said or isinstance(error, OutboardError), said
    assert len(said) < 600


def public_parameters() -> Iterator[tuple[str, str]]:
    board = Outboard(environ={})
    topic, state = board.topic("x", Task), board.state(Task)
    for function in (
        *(Outboard.__init__, board.topic, board.publish, board.state, board.mount, board.lifespan),
        *(board.connected, topic.publish, topic.publish_event, topic.subscribe, topic.subscribe_batch),
        *(state.get, state.entry, state.get_many, state.save, state.save_many, state.delete),
        state.transaction,
    ):
        for name, parameter in inspect.signature(function).parameters.items():
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                yield function.__name__, name


def test_each_public_parameter_is_tried() -> None:
    tried = {name for _, _, names in calls(Outboard(environ={})).values() for name in names}
    assert {name for _, name in public_parameters()} - tried - FREE == set()


@pytest.mark.parametrize(
    ("key", "text"), [("7", "7"), (7, "7"), (0, "0"), (-7, "-7"), (Colour.RED, "1"), (ID, str(ID).lower())]
)
async def test_a_key_may_be_a_text_a_whole_number_or_a_uuid(
    board: Outboard, exchange: ScriptedExchange, key: Any, text: str
) -> None:
    async with board.connected(exchange=exchange):
        event = await board.topic("tasks", Task).publish(Task(id=1), key=key)
        again = await board.topic("tasks", Task).publish_event(Event(data=Task(id=1)), key=key, ttl=5)
        await board.state(Task).save(key, Task(id=1), ttl=timedelta(days=1))
        async with board.state(Task).transaction() as changes:
            changes.delete(key)
    assert event.extensions["partitionkey"] == again.extensions["partitionkey"] == text
    sent = [request.target + request.body.decode() for request in exchange.requests]
    assert sum(f"partitionKey={text}" in each for each in sent) == 2
    assert sum(f'"key":"{text}"' in each for each in sent) == 2


async def test_entries_are_found_by_the_keys_that_were_asked_for(
    board: Outboard, exchange: ScriptedExchange
) -> None:
    found = b'[{"key":"7","data":{"id":7},"etag":"1"},{"key":"a"}]'
    exchange.answers.append(Response(200, {"content-type": "application/json"}, found))
    async with board.connected(exchange=exchange):
        keys: list[int | str] = [7, "a"]
        entries = await board.state(Task).get_many(keys)
    assert entries[7].value == Task(id=7)
    assert entries["a"].value is None


@pytest.mark.parametrize("key", [True, 1.5, b"7", None, object(), ["7"], pytest.param(10**5000, id="long")])
async def test_other_keys_are_no_names(board: Outboard, exchange: ScriptedExchange, key: Any) -> None:
    async with board.connected(exchange=exchange):
        with pytest.raises(InvalidName):
            await board.state().get(key)
        if key is not None:
            with pytest.raises(InvalidName):
                await board.publish("tasks", {}, key=key)


class Handler:
    def __init__(self, event: Event[Task]) -> None: ...


async def generator(event: Event[Task]) -> Any:
    yield event


def plain_generator(event: Event[Task]) -> Any:
    yield event


@pytest.mark.parametrize("model", ["Task", 5, Lock, lambda: None, object()])
def test_what_pydantic_cannot_read_is_no_model(board: Outboard, model: Any) -> None:
    with pytest.raises(ModelUnusable, match=r"topic 'tasks' cannot have the model .*: "):
        board.topic("tasks", model)
    with pytest.raises(ModelUnusable, match="state store 'statestore' cannot have the model"):
        board.state(model)


async def test_a_model_may_name_what_is_defined_later(board: Outboard, exchange: ScriptedExchange) -> None:
    class Early(BaseModel):
        child: Later | None = None

    topics = board.topic("early", Early), board.topic("list", list[Early])

    class Later(BaseModel):
        name: str

    Early.model_rebuild()
    async with board.connected(exchange=exchange):
        await topics[0].publish(Early(child=Later(name="x")))
        await topics[1].publish([Early()])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"key": 1.5}, "event key '1.5 (float)' is no text, no whole number and no UUID"),
        ({"key": "a\nb"}, "event key 'a\\nb' holds U+000A, which cannot be printed"),
        ({"key": "a\nb", "ttl": 5}, "event key 'a\\nb' holds U+000A, which cannot be printed"),
        ({"metadata": {"a": "\0"}}, "value of metadata 'a': '\\x00' holds U+0000, which cannot be printed"),
        ({"metadata": {"a": 1}}, "value of metadata 'a': '1 (int)' is no text"),
        ({"metadata": {"\0": "a"}}, "metadata name '\\x00' holds U+0000, which cannot be printed"),
    ],
)
async def test_what_is_wrong_is_called_as_the_author_wrote_it(
    board: Outboard, exchange: ScriptedExchange, arguments: dict[str, Any], said: str
) -> None:
    async with board.connected(exchange=exchange):
        with pytest.raises(InvalidName) as raised:
            await board.publish("tasks", {}, **arguments)
    assert str(raised.value) == said
    assert not exchange.requests


@pytest.mark.parametrize(
    "handler",
    [functools.partial(on_task), Handler, 5, None, "on_task", dict, print, generator, plain_generator],
)
def test_what_is_no_function_is_no_handler(board: Outboard, handler: Any) -> None:
    with pytest.raises(HandlerUnsuitable):
        board.topic("tasks", Task).subscribe("/on")(handler)


def test_bounds_and_routers_are_checked_where_the_handler_is_known(board: Outboard) -> None:
    topic = board.topic("tasks", Task)
    wrong: list[dict[str, Any]] = [
        {"router": FastAPI()},
        {"bulk": 100},
        {"priority": "1"},
        {"metadata": {"a": 1}},
    ]
    for options in wrong:
        with pytest.raises(DeclarationError, match=f"on_task .*has {next(iter(options))}="):
            topic.subscribe("/on", **options)(on_task)
    topic.subscribe("/on", router=APIRouter(), bulk=BulkOptions())(on_task)
