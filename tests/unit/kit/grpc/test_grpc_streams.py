from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from dapr.proto.runtime.v1 import pubsub_pb2
from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventRequest, TopicEventResponse
from google.protobuf.struct_pb2 import Struct

from outboard import DeliveryStatus
from outboard.kit.client.grpc.events import streamed_event
from outboard.kit.client.grpc.streams import GrpcStreams, connect
from outboard.kit.client.port import StreamEnded, StreamRequest
from outboard.kit.client.settings import Settings
from outboard.wire.events import EventCodec
from support.grpc_sidecar import GrpcSidecarStub, Refused

pytestmark = pytest.mark.anyio

INITIAL = pubsub_pb2.SubscribeTopicEventsResponseAlpha1(
    initial_response=pubsub_pb2.SubscribeTopicEventsResponseInitialAlpha1()
)


def topic_event(id: str = "1", **more: Any) -> TopicEventRequest:
    given = {"source": "s", "type": "t", "spec_version": "1.0", "topic": "tasks", "pubsub_name": "pubsub"}
    json_data = {"data": b'{"n":1}', "data_content_type": "application/json"}
    arguments: dict[str, Any] = {"id": id, **given, **json_data, **more}
    return TopicEventRequest(**arguments)


def extensions(**members: Any) -> Struct:
    struct = Struct()
    struct.update(members)
    return struct


# Events


def read(**more: Any) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(streamed_event(topic_event(**more)).body)
    return members


def test_an_event_is_what_http_would_have_brought() -> None:
    said = {"subject": "x", "num": 5, "flag": True, "traceparent": "00-1", "time": "2026-01-01T00:00:00Z"}
    event = streamed_event(topic_event(extensions=extensions(**said, tracestate="", topic="tasks")))
    assert event.id == "1"
    assert event.headers == {"traceparent": "00-1"}
    assert json.loads(event.body) == {
        **said,
        **{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "topic": "tasks"},
        **{"pubsubname": "pubsub", "datacontenttype": "application/json", "data": {"n": 1}, "tracestate": ""},
    }


@pytest.mark.parametrize(
    ("content_type", "data", "member", "expected"),
    [
        ("application/json", b'"text"', "data", "text"),
        ("application/cloudevents+json", b"[1]", "data", [1]),
        ("application/json; charset=utf-8", b"1", "data", 1),
        ("text/plain", "ä<".encode(), "data", "ä<"),
        ("application/xml", b"<a/>", "data", "<a/>"),
        ("text/plain", b"\xff", "data_base64", "/w=="),
        ("application/octet-stream", b"\x00\x01", "data_base64", "AAE="),
        ("application/octet-stream", b"", "data_base64", ""),
        ("application/json", b"{no", "data_base64", "e25v"),
        ("image/png", b"\x89", "data_base64", "iQ=="),
    ],
)
def test_data_by_its_content_type(content_type: str, data: bytes, member: str, expected: object) -> None:
    members = read(data=data, data_content_type=content_type)
    assert members[member] == expected
    assert {"data", "data_base64"} & members.keys() == {member}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_an_event_without_data_has_none(content_type: str) -> None:
    assert not {"data", "data_base64"} & read(data=b"", data_content_type=content_type).keys()


def test_large_numbers_and_floats_stay_as_they_were_sent() -> None:
    assert (
        b'"data":{"n":12345678901234567000,"f":1.0}'
        in streamed_event(topic_event(data=b'{"n":12345678901234567000,"f":1.0}')).body
    )


def test_what_is_read_is_an_event_of_the_kit() -> None:
    event = EventCodec(dict[str, int]).decode(streamed_event(topic_event()).body, {})
    assert (event.id, event.source, event.data) == ("1", "s", {"n": 1})


# Streams


class Scripted:
    """A stream that sends `events`, keeps what is answered, and goes on until it is told to end."""

    def __init__(self, *events: TopicEventRequest) -> None:
        self.events = events
        self.initial: list[Any] = []
        self.settled: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.tokens: list[str] = []

    async def __call__(self, requests: AsyncIterator[Any], context: Any) -> None:
        pairs = dict(context.invocation_metadata() or ())
        self.tokens.append(pairs.get("dapr-api-token", ""))
        try:
            self.initial.append((await anext(aiter(requests))).initial_request)
            await context.write(INITIAL)
            for event in self.events:
                message = pubsub_pb2.SubscribeTopicEventsResponseAlpha1(event_message=event)
                await context.write(message)
            async for request in requests:
                processed = request.event_processed
                self.settled.put_nowait((processed.id, processed.status.status))
        finally:
            self.closed.set()


@pytest.fixture
async def stub() -> AsyncIterator[GrpcSidecarStub]:
    stub = GrpcSidecarStub()
    async with stub.serving():
        yield stub


@pytest.fixture
async def streams(stub: GrpcSidecarStub) -> AsyncIterator[GrpcStreams]:
    environ = {"DAPR_GRPC_PORT": str(stub.port), "DAPR_API_TOKEN": "sesame"}
    async with connect(Settings.from_environ(environ)) as streams:
        yield streams


async def test_events_come_and_are_settled(stub: GrpcSidecarStub, streams: GrpcStreams) -> None:
    stub.streamed = scripted = Scripted(topic_event("1"), topic_event("2"), topic_event("3"))
    async with streams.subscribed(StreamRequest("p", "t", {"a": "b"}, "dead")) as stream:
        received = [await stream.receive() for _ in range(3)]
        statuses = (DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP)
        await asyncio.gather(
            *(stream.settle(event.id, status) for event, status in zip(received, statuses, strict=True))
        )
        settled = [await scripted.settled.get() for _ in range(3)]
    assert sorted(settled) == [
        ("1", TopicEventResponse.SUCCESS), ("2", TopicEventResponse.RETRY), ("3", TopicEventResponse.DROP)
    ]  # fmt: skip
    (initial,) = scripted.initial
    assert (initial.pubsub_name, initial.topic, initial.dead_letter_topic) == ("p", "t", "dead")
    assert dict(initial.metadata) == {"a": "b"}
    assert scripted.tokens == ["sesame"]
    await scripted.closed.wait()


async def test_whoever_gives_up_waiting_loses_no_event(stub: GrpcSidecarStub, streams: GrpcStreams) -> None:
    release = asyncio.Event()

    async def late(requests: AsyncIterator[Any], context: Any) -> None:
        await anext(aiter(requests))
        await context.write(INITIAL)
        await release.wait()
        await context.write(pubsub_pb2.SubscribeTopicEventsResponseAlpha1(event_message=topic_event("1")))
        await asyncio.Event().wait()

    stub.streamed = late
    async with streams.subscribed(StreamRequest("p", "t")) as stream:
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        release.set()
        assert (await stream.receive()).id == "1"


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (
            Refused(grpc.StatusCode.INVALID_ARGUMENT, "pubsub p is not found", "DAPR_PUBSUB_NOT_FOUND"),
            "not found",
        ),
        (Refused(grpc.StatusCode.UNAUTHENTICATED, "Unauthorized"), "refused the API token"),
        (Refused(grpc.StatusCode.UNIMPLEMENTED, "unknown"), "it serves no streaming subscriptions"),
    ],
)
async def test_who_is_refused_is_told_why(
    stub: GrpcSidecarStub, streams: GrpcStreams, refused: Refused, reason: str
) -> None:
    async def refuse(requests: AsyncIterator[Any], context: Any) -> None:
        await anext(aiter(requests))
        context.set_trailing_metadata(refused.trailers)
        await context.abort(refused.code, refused.message)

    stub.streamed = refuse
    with pytest.raises(StreamEnded) as caught:
        async with streams.subscribed(StreamRequest("p", "t")):
            pass
    assert caught.value.refused
    assert reason in caught.value.reason


async def test_the_end_of_a_stream_is_told_to_who_waits(stub: GrpcSidecarStub, streams: GrpcStreams) -> None:
    async def end(requests: AsyncIterator[Any], context: Any) -> None:
        await anext(aiter(requests))
        await context.write(INITIAL)

    stub.streamed = end
    async with streams.subscribed(StreamRequest("p", "t")) as stream:
        with pytest.raises(StreamEnded, match="the sidecar has closed it"):
            await stream.receive()
        with pytest.raises(StreamEnded):
            await stream.settle("1", DeliveryStatus.SUCCESS)


async def test_a_sidecar_that_is_away_refuses_nothing() -> None:
    settings = Settings.from_environ({"DAPR_GRPC_PORT": "1"})
    async with connect(settings) as streams:
        with pytest.raises(StreamEnded, match="no connection") as caught:
            async with streams.subscribed(StreamRequest("p", "t")):
                pass
    assert not caught.value.refused


async def test_the_last_answer_is_read_before_the_call_ends(
    stub: GrpcSidecarStub, streams: GrpcStreams
) -> None:
    """A sidecar that is slow to read: a call that is cancelled takes along what was written and not read."""
    closing, read_to_the_end = asyncio.Event(), asyncio.Event()
    told: list[str] = []

    async def serve(messages: AsyncIterator[Any], context: Any) -> None:
        await anext(messages)
        await context.write(INITIAL)
        await context.write(pubsub_pb2.SubscribeTopicEventsResponseAlpha1(event_message=topic_event("7")))
        await closing.wait()
        told.extend([message.event_processed.id async for message in messages])
        read_to_the_end.set()

    stub.streamed = serve

    async def take() -> None:
        async with streams.subscribed(StreamRequest("p", "t")) as stream:
            event = await stream.receive()
            await stream.settle(event.id, DeliveryStatus.SUCCESS)
            closing.set()

    await take()
    async with asyncio.timeout(10):
        await read_to_the_end.wait()
    assert told == ["7"]
