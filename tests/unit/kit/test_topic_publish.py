from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from outboard import (
    Event,
    EventTooLarge,
    InvalidCloudEvent,
    InvalidEventData,
    NotConnected,
    Outboard,
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    SidecarUnavailable,
    TokenRejected,
)
from outboard.errors import InvalidName, OutboardError
from outboard.wire.http import ExchangeFailed, Response
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio


class Created(BaseModel):
    id: int
    due: datetime | None = None


class Done(BaseModel):
    done: int


async def test_what_goes_to_the_sidecar(board: Outboard, exchange: ScriptedExchange) -> None:
    async with board.connected(exchange=exchange):
        event = await board.topic("tasks", Created, type="task.created").publish(Created(id=1), key="1")
    sent = exchange.events[0]
    assert UUID(sent["id"]).version == 4
    assert sent.pop("id") == event.id
    traceparent = sent.pop("traceparent")
    assert traceparent == exchange.requests[0].headers["traceparent"]
    assert sent.pop("correlationid") == traceparent.split("-")[1], "a conversation begins with its trace"
    assert sent == {
        "specversion": "1.0",
        "source": "todo",
        "type": "task.created",
        "datacontenttype": "application/json",
        "time": "2026-01-02T03:04:05Z",
        "partitionkey": "1",
        "data": {"id": 1, "due": None},
    }
    assert exchange.requests[0].target == "/v1.0/publish/pubsub/tasks?metadata.partitionKey=1"
    assert event.data == Created(id=1)
    assert exchange.timeouts == [5.0]


async def test_everything_can_be_said(board: Outboard, exchange: ScriptedExchange) -> None:
    topic = board.topic("tasks", Created, pubsub="other")
    async with board.connected(exchange=exchange):
        await topic.publish(
            Created(id=1, due=datetime(2026, 1, 1, tzinfo=UTC)),
            id="mine",
            type="t",
            subject="s",
            extensions={"tenant": "a", "level": 3},
            ttl=timedelta(milliseconds=1500),
            metadata={"x": "y"},
            timeout=0.5,
        )
    sent = exchange.events[0]
    assert (sent["id"], sent["type"], sent["subject"], sent["tenant"], sent["level"]) == (
        "mine",
        "t",
        "s",
        "a",
        3,
    )
    assert sent["data"]["due"] == "2026-01-01T00:00:00Z"
    assert exchange.requests[0].target.startswith("/v1.0/publish/other/tasks?")
    assert exchange.query() == {"metadata.x": "y", "metadata.ttlInSeconds": "2"}
    assert exchange.timeouts == [0.5]


async def test_the_type_may_follow_from_the_data(board: Outboard, exchange: ScriptedExchange) -> None:
    topic = board.topic("tasks", Created | Done, type=lambda data: f"task.{type(data).__name__.lower()}")
    async with board.connected(exchange=exchange):
        await topic.publish(Created(id=1))
        await topic.publish(Done(done=1))
    assert [event["type"] for event in exchange.events] == ["task.created", "task.done"]


async def test_an_event_keeps_what_it_has(board: Outboard, exchange: ScriptedExchange) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = Event(
        id="42",
        source="import",
        type="t",
        time=datetime(2020, 1, 1, tzinfo=UTC),
        data=Done(done=1),
        **dict[str, Any](traceparent=trace),
    )
    async with board.connected(exchange=exchange):
        sent = await board.topic("tasks", Done).publish_event(event, key="k")
    assert (sent.id, sent.source, sent.time) == ("42", "import", event.time)
    assert exchange.events[0]["traceparent"] == trace == exchange.requests[0].headers["traceparent"]
    assert event.datacontenttype is None, "the caller's event is not changed"


async def test_untyped_in_one_line(board: Outboard, exchange: ScriptedExchange) -> None:
    async with board.connected(exchange=exchange):
        await board.publish("topic-name", {"key": "value"})
        await board.publish("topic-name", b"\x00\xff")
    assert exchange.events[0]["data"] == {"key": "value"}
    assert exchange.events[0]["type"] == "com.dapr.event.sent"
    assert base64.b64decode(exchange.events[1]["data_base64"]) == b"\x00\xff"
    assert exchange.events[1]["datacontenttype"] == "application/octet-stream"


async def test_without_a_connection_nothing_is_lost_silently(board: Outboard) -> None:
    with pytest.raises(NotConnected, match="publishing to topic 'tasks'"):
        await board.publish("tasks", {})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(401, {}, b"invalid api token"), TokenRejected),
        (Response(403, {}, b'{"errorCode":"ERR_PUBSUB_FORBIDDEN","message":"no"}'), PublishForbidden),
        (Response(404, {}, b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"no"}'), PubSubNotFound),
        (Response(500, {}, b'{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"no"}'), PublishFailed),
        (ExchangeFailed("connection reset"), SidecarUnavailable),
    ],
)
async def test_outcomes_are_exceptions(
    board: Outboard,
    exchange: ScriptedExchange,
    answer: Response | ExchangeFailed,
    expected: type[OutboardError],
) -> None:
    exchange.answers.append(answer)
    async with board.connected(exchange=exchange):
        with pytest.raises(expected):
            await board.publish("tasks", {})
    assert exchange.topics == ["tasks"]


async def test_a_repeated_publish_has_the_same_id(board: Outboard, exchange: ScriptedExchange) -> None:
    exchange.answers.extend(
        [ExchangeFailed("refused", sent=False), ExchangeFailed("disconnected", dropped=True), Response(204)]
    )
    async with board.connected(exchange=exchange):
        event = await board.publish("tasks", {})
    assert [sent["id"] for sent in exchange.events] == [event.id] * 3


async def test_too_much_is_refused_before_it_is_sent(exchange: ScriptedExchange) -> None:
    small = Outboard(environ={}, max_event_bytes=1000)
    async with small.connected(exchange=exchange):
        with pytest.raises(EventTooLarge) as caught:
            await small.publish("tasks", "x" * 1000)
        await small.publish("tasks", "x" * 500)
    assert caught.value.size > caught.value.limit == 1000
    assert len(exchange.requests) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"key": "a\nb"}, InvalidName),
        ({"metadata": {"a\0": "b"}}, InvalidName),
        ({"metadata": {"": "b"}}, InvalidName),
        ({"metadata": {"x y": "b"}}, InvalidName),
        ({"metadata": {"☃": "b"}}, InvalidName),
        ({"metadata": {"dapr-caller-app-id": "b"}}, InvalidName),
        ({"metadata": {"a": "b\r\nx-evil: 1"}}, InvalidName),
        ({"extensions": {"id": "other"}}, InvalidCloudEvent),
        ({"extensions": {"data": "other"}}, InvalidCloudEvent),
        ({"extensions": {"Upper": "x"}}, InvalidCloudEvent),
        ({"id": ""}, InvalidCloudEvent),
        ({"subject": "a\0"}, InvalidCloudEvent),
        ({"ttl": 0}, ValueError),
        ({"ttl": float("nan")}, ValueError),
    ],
)
async def test_what_cannot_be_said_is_not_sent(
    board: Outboard, exchange: ScriptedExchange, options: dict[str, Any], expected: type[Exception]
) -> None:
    async with board.connected(exchange=exchange):
        with pytest.raises(expected):
            await board.publish("tasks", {}, **options)
    assert exchange.requests == []


async def test_data_of_the_wrong_shape_is_not_sent(board: Outboard, exchange: ScriptedExchange) -> None:
    topic: Any = board.topic("tasks", Created)
    async with board.connected(exchange=exchange):
        with pytest.raises(InvalidEventData, match=r"data\.id"):
            await topic.publish({"title": "secret"})
    assert exchange.requests == []


async def test_what_no_reader_could_read_is_not_sent(board: Outboard, exchange: ScriptedExchange) -> None:
    class Urgent(Done):
        reason: str

    class Renamed(BaseModel):
        id: int = Field(validation_alias="taskId")

    async with board.connected(exchange=exchange):
        with pytest.raises(InvalidEventData, match="is NaN or infinite"):
            await board.publish("tasks", {"share": float("nan")})
        with pytest.raises(InvalidEventData, match=r"data\.reason would be lost: Done has no such field"):
            await board.topic("tasks", Done).publish(Urgent(done=1, reason="fire"))
        with pytest.raises(InvalidEventData, match=r"data\.taskId: Field required.*serialize_by_alias"):
            await board.topic("tasks", Renamed).publish(Renamed.model_validate({"taskId": 1}))
    assert exchange.requests == []


async def test_a_parameter_that_nobody_knows_is_refused(board: Outboard, exchange: ScriptedExchange) -> None:
    topic: Any = board.topic("tasks", Created)
    async with board.connected(exchange=exchange):
        for publishing in (topic.publish(Created(id=1), kee="1"), topic.publish_event(None, kee="1")):
            with pytest.raises(TypeError, match="kee"):
                await publishing
    with pytest.raises(TypeError, match="pats"):
        topic.subscribe("/on", pats=1)
    assert not exchange.requests
