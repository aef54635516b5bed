"""Events that can never be handled: told apart, kept, and never lost."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, field_validator

from outboard import DeliveryStatus, Drop, Event, Outboard
from outboard.kit.subscriptions.dead_letter import cut_down, dead_letter, read_envelope
from outboard.kit.subscriptions.outcomes import Attempts
from outboard.wire.deadletters import origin
from outboard.wire.http import ExchangeFailed, Response
from support.scripted import FakeClock, ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

SUCCESS, RETRY, DROP = ({"status": status} for status in ("SUCCESS", "RETRY", "DROP"))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Task(BaseModel):
    id: int
    title: str

    @field_validator("title")
    @classmethod
    def _not_broken(cls, title: str) -> str:
        if title == "broken":
            raise LookupError("a validator with a bug")
        return title


async def refuse() -> None:
    raise Drop("by a dependency")


async def drop() -> None:
    raise Drop("by a task")


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


def declare(board: Outboard, **options: Any) -> list[Event[Task]]:
    """A handler that drops the task 7, and fails for the task 8."""
    handled: list[Event[Task]] = []

    @board.topic("tasks", Task).subscribe("/on", **options)
    async def on_task(event: Event[Task]) -> None:
        if event.data.id == 7:
            raise Drop("seven is not ours")
        if event.data.id == 8:
            raise OSError("database away")
        handled.append(event)

    return handled


async def test_the_original_goes_to_the_dead_letter_topic_with_the_reason(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    declare(board)
    envelope |= {
        "data": {"id": 7, "title": "x", "more": 1.10},
        "tenant": "a",
        "traceparent": TRACE,
        "contentType": "x",
    }
    async with serving(app, board) as client:
        response = await client.post("/on", json=envelope, headers={"__key": "k-7"})
    assert response.json() == SUCCESS
    assert exchange.topics == ["tasks-dead"]
    assert exchange.query() == {"metadata.partitionKey": "k-7"}
    assert exchange.requests[0].headers["traceparent"] == TRACE
    assert exchange.events[0] == {
        **envelope,
        "deadletterreason": "seven is not ours",
        "deadletterorigin": "//todo/pubsub/tasks#/on",
        "deadletterattempts": 1,
        "deadlettertime": "2026-01-02T03:04:05Z",
        "deadlettererror": "Drop",
    }
    assert "went to dead letter topic 'tasks-dead': seven is not ours" in caplog.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": {"id": "secret-value"}}, "data.id"),
        ({"data": None}, "data"),
        ({"id": ""}, "'id' is empty"),
        ({"id": None}, "'id' is missing"),
        ({"specversion": "0.3"}, "specversion"),
        ({"source": ""}, "source"),
        ({"type": 7}, "type"),
    ],
)
async def test_an_event_that_is_not_valid(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    change: dict[str, Any],
    reason: str,
) -> None:
    handled = declare(board)
    async with serving(app, board) as client:
        response = await client.post("/on", json=envelope | change)
    assert response.json() == SUCCESS
    assert handled == []
    assert reason in exchange.events[0]["deadletterreason"]
    assert "secret-value" not in exchange.events[0]["deadletterreason"]
    assert exchange.events[0]["data"] == (envelope | change)["data"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"id": "1"} {"id": "2"}',
        b'{"n": NaN}',
        b'{"s": "\\ud800"}',
        b"[" * 100_000,
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
    ids=range(10),
)
async def test_what_is_no_event_at_all_is_kept_byte_by_byte(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, body: bytes
) -> None:
    handled = declare(board)
    async with serving(app, board) as client:
        for _ in range(2):
            headers = {"content-type": "application/cloudevents+json"}
            response = await client.post("/on", content=body, headers=headers)
            assert response.json() == SUCCESS
    assert handled == []
    first, second = exchange.events
    assert base64.b64decode(first["data_base64"]) == body
    assert first["id"] == second["id"], "redelivered, it is the same dead letter"
    assert {"source", "type", "specversion", "deadletterreason"} <= first.keys()


async def test_drop_by_a_dependency_by_a_task_group_and_by_status(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("a", Task).subscribe("/a")
    async def on_a(event: Event[Task], refused: Annotated[None, Depends(refuse)]) -> None: ...

    @board.topic("b", Task).subscribe("/b")
    async def on_b(event: Event[Task]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(drop())

    @board.topic("c", Task).subscribe("/c")
    async def on_c(event: Event[Task]) -> DeliveryStatus:
        return DeliveryStatus.DROP

    async with serving(app, board) as client:
        answers = [(await client.post(path, json=envelope)).json() for path in ("/a", "/b", "/c")]
    assert answers == [SUCCESS] * 3
    reasons = [event["deadletterreason"] for event in exchange.events]
    assert reasons == ["by a dependency", "by a task", "the handler returned DROP"]


@pytest.mark.parametrize(
    "failure", [ExchangeFailed("connection reset"), Response(403, {}, b"{}"), Response(500, {}, b"{}")]
)
async def test_poison_is_kept_while_its_dead_letter_cannot_be_published(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    failure: Response | ExchangeFailed,
) -> None:
    declare(board)
    exchange.answers.append(failure)
    envelope["data"]["id"] = 7
    async with serving(app, board) as client:
        answers = [(await client.post("/on", json=envelope)).json() for _ in range(2)]
    assert answers == [RETRY, SUCCESS]
    assert [event["deadletterattempts"] for event in exchange.events] == [1, 2]


async def test_attempts_count_every_delivery_that_was_not_handled(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    declare(board)
    other = envelope | {"id": "e-2"}
    deliveries = [envelope | {"data": {"id": id, "title": ""}} for id in (8, 8, 8, 7, 7)]
    deliveries.append(other | {"data": {"id": 7, "title": ""}})
    async with serving(app, board) as client:
        answers = [(await client.post("/on", json=delivery)).json() for delivery in deliveries]
    assert answers == [RETRY, RETRY, RETRY, SUCCESS, SUCCESS, SUCCESS]
    assert [event["deadletterattempts"] for event in exchange.events] == [4, 1, 1]


async def test_without_a_dead_letter_topic_poison_is_held_and_said_once(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    declare(board, dead_letter=None)
    envelope["data"]["id"] = 7
    async with serving(app, board) as client:
        answers = [(await client.post("/on", json=envelope)).json() for _ in range(3)]
        await client.post("/on", json=envelope | {"id": "e-2"})
    assert answers == [RETRY] * 3
    assert exchange.requests == []
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "event 'e-1' of topic 'tasks'" in errors[0]
    assert "is held" in errors[0] and "seven is not ours" in errors[0]
    assert "event 'e-2'" in errors[1]


@pytest.mark.parametrize("options", [{"dead_letter": None, "on_invalid": "drop"}, {"on_invalid": "drop"}])
async def test_poison_is_dropped_where_the_author_said_so(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
) -> None:
    declare(board, **options)
    async with serving(app, board) as client:
        response = await client.post("/on", json=envelope | {"data": []})
    assert response.json() == DROP
    assert exchange.requests == []
    assert [record.levelno for record in caplog.records if record.name == "outboard.subscriptions"] == [
        logging.WARNING
    ]


async def test_another_dead_letter_topic(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("a", Task, dead_letter="graveyard").subscribe("/a")
    async def on_a(event: Event[Task]) -> None: ...

    @board.topic("b", Task, dead_letter=None).subscribe("/b", dead_letter="b-poison")
    async def on_b(event: Event[Task]) -> None: ...

    async with serving(app, board) as client:
        for path in ("/a", "/b"):
            assert (await client.post(path, json=envelope | {"data": []})).json() == SUCCESS
    assert exchange.topics == ["graveyard", "b-poison"]


async def test_a_validator_with_a_bug_is_retry(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    declare(board)
    async with serving(app, board) as client:
        response = await client.post("/on", json=envelope | {"data": {"id": 1, "title": "broken"}})
    assert response.json() == RETRY
    assert exchange.requests == []


def test_a_dead_letter_does_not_expire_with_its_event(envelope: dict[str, Any], clock: FakeClock) -> None:
    """A sidecar would drop it before it is collected."""
    read = read_envelope(json.dumps({**envelope, "expiration": "2026-01-02T03:04:06Z"}).encode(), {})
    letter = json.loads(dead_letter(read, reason="why", origin="//o", attempts=1, now=clock.now()))
    assert "expiration" not in letter
    assert letter.items() >= envelope.items()


def test_a_key_that_no_header_may_hold_is_left_out() -> None:
    assert read_envelope(b"{}", {"__key": "a\nb"}).key is None
    assert read_envelope(b"{}", {"partitionkey": "k"}).key == "k"
    assert read_envelope(b"{}", {"__key": "k", "partitionkey": "l"}).key == "k"


def test_garbage_from_two_offsets_is_two_events() -> None:
    one, other = ({"__offset": offset, "__partition": "0"} for offset in ("1", "2"))
    assert read_envelope(b"x", one).identity != read_envelope(b"x", other).identity


def test_the_reason_is_one_short_printable_line(clock: FakeClock) -> None:
    body = dead_letter(
        read_envelope(b"{}", {}), reason="a\nb\0" + "x" * 5000, origin="o", attempts=1, now=clock.now()
    )
    reason = json.loads(body)["deadletterreason"]
    assert reason.startswith("a b ")
    assert len(reason) == 1000


def test_an_origin_can_be_taken_apart_again() -> None:
    assert origin("app", "pub sub", "a/b#c", "/on/ü") == "//app/pub%20sub/a%2Fb%23c#/on/%C3%BC"


def test_attempts_are_bounded() -> None:
    attempts = Attempts(capacity=2)
    keys = [("handler", "source", str(number)) for number in range(3)]
    for key in (*keys, keys[2]):
        attempts.count(key)
    assert [attempts.count(keys[2]), attempts.count(keys[1])] == [3, 2]
    assert attempts.count(keys[0]) == 1
    attempts.forget(keys[1])
    assert attempts.count(keys[1]) == 1


TOO_LARGE = b'{"errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE", "message": "Message was too large"}'


async def test_a_dead_letter_that_is_too_large_is_cut_and_says_so(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    declare(board)
    exchange.answers.append(Response(500, body=TOO_LARGE))
    whole = {**envelope, "data": "x" * 4_000_000, "subject": "s" * 2000, "partitionkey": "k"}
    async with serving(app, board) as client:
        response = await client.post("/on", json=whole)
        sent = response.request.content

    assert response.json() == SUCCESS
    letter = exchange.events[-1]
    assert len(exchange.requests[-1].body) < 100_000
    assert {name: letter[name] for name in ("id", "source", "type", "partitionkey", "deadlettersize")} == {
        **{name: envelope[name] for name in ("id", "source", "type")},
        "partitionkey": "k",
        "deadlettersize": len(sent),
    }
    assert base64.b64decode(letter["data_base64"]) == sent[: 64 * 1024]
    assert "subject" not in letter
    assert letter["deadletterreason"]
    assert f"has {len(sent)} bytes: its dead letter would be too large" in caplog.text


async def test_a_dead_letter_that_fails_otherwise_is_not_cut(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    declare(board)
    exchange.answers.append(Response(500, body=TOO_LARGE.replace(b"was too large", b"was lost")))
    async with serving(app, board) as client:
        response = await client.post("/on", json={**envelope, "data": "no task"})
    assert response.json() == RETRY
    assert len(exchange.events) == 1


def test_what_is_cut_is_short_whatever_it_holds() -> None:
    many = {f"x{number}": "y" * 1000 for number in range(5000)}
    body = json.dumps({"id": "i" * 5000, "source": "s", "type": "t", "specversion": "1.0", **many}).encode()
    cut = cut_down(read_envelope(body, {}), body)
    letter = dead_letter(cut, reason="r", origin="o", attempts=1, now=FakeClock().now())
    assert len(letter) < 200_000
    assert cut.members["source"] == "s"
    assert len(cut.members["id"]) == 32


@pytest.mark.parametrize("depends", [False, True])
@pytest.mark.parametrize("threaded", [False, True])
async def test_an_event_does_not_end_the_app(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], depends: bool, threaded: bool
) -> None:
    async def asynchronous(event: Event[object]) -> None:
        raise SystemExit(0)

    def in_thread(event: Event[object]) -> None:
        raise SystemExit(0)

    async def nothing() -> None: ...

    router = APIRouter(dependencies=[Depends(nothing)] if depends else [])
    handler = in_thread if threaded else asynchronous
    board.topic("tasks").subscribe("/on", router=router)(handler)
    board.topic("many").subscribe_batch("/batch", router=router)(handler_of_batches)
    app.include_router(router)
    async with serving(app, board) as client:
        assert (await client.post("/on", json=envelope)).json() == RETRY
        assert (await client.post("/batch", json=envelope)).json() == RETRY


async def handler_of_batches(events: Sequence[Event[object]]) -> None:
    raise SystemExit(1)
