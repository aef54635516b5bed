"""The way to an app over gRPC, with the app as a script."""

from __future__ import annotations

import json
from collections import deque

import pytest
from dapr.proto.runtime.v1.appcallback_pb2 import (
    BulkSubscribeConfig,
    ListTopicSubscriptionsResponse,
    TopicEventBulkRequest,
    TopicEventBulkResponse,
    TopicEventBulkResponseEntry,
    TopicEventRequest,
    TopicEventResponse,
    TopicRoutes,
    TopicRule,
    TopicSubscription,
)
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc import StatusCode

from outboard.gojson.values import Json
from outboard.sidecar.channel.app import NotAnswered
from outboard.sidecar.channel.batch import Batch, BatchedEvent
from outboard.sidecar.channel.grpc.channel import GrpcChannel
from outboard.sidecar.channel.grpc.methods import ALPHA_BULK, BULK, EVENT, HEALTH, refused
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.events.received import Incoming
from outboard.sidecar.subscriptions.active import SubscribeInvalid
from outboard.wire.dapr import LIST_SUBSCRIPTIONS, DeliveryStatus
from outboard.wire.http import ExchangeFailed, Request, Response
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription

pytestmark = pytest.mark.anyio

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
METADATA = {"pubsubName": "ps"}


class CalledApp:
    """Answers each call with what stands in `answers`, then with an empty message."""

    def __init__(self, *answers: Message | Response | ExchangeFailed) -> None:
        self.answers = deque(answers)
        self.requests: list[Request] = []

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.requests.append(request)
        answer = self.answers.popleft() if self.answers else Response(200)
        if isinstance(answer, ExchangeFailed):
            raise answer
        return answer if isinstance(answer, Response) else Response(200, body=answer.SerializeToString())


def incoming(path: str = "/t", /, **event: Json) -> Incoming:
    return Incoming(event, b"", path, "orders")


def batch(*events: dict[str, Json], raw: bool = False) -> Batch:
    entries = [BatchedEvent(str(n), incoming(**event), {"n": str(n)}, "") for n, event in enumerate(events)]
    return Batch("id", "/t", "ps", "orders", entries, raw)


async def delivered(event: Incoming) -> TopicEventRequest:
    app = CalledApp()
    answer = await GrpcChannel(app).deliver(event, METADATA)
    assert answer.outcome is DeliveryStatus.SUCCESS
    assert app.requests[0].target == EVENT
    return TopicEventRequest.FromString(app.requests[0].body)


async def test_an_event_as_a_message() -> None:
    request = await delivered(
        incoming(
            "/take", id="1", source="s", type="t", specversion="1.0", datacontenttype="application/json",
            data={"b": 1.0, "a": "<"}, subject="x", number=1.5, none=None, flag=True, many=[1.0, {"a": "b"}],
        )
    )  # fmt: skip
    assert MessageToDict(request.extensions) == {
        "subject": "x", "number": 1.5, "none": None, "flag": True, "many": [1.0, {"a": "b"}],
    }  # fmt: skip
    request.ClearField("extensions")
    assert request == TopicEventRequest(
        id="1", source="s", type="t", spec_version="1.0", data_content_type="application/json",
        data=b'{"a":"\\u003c","b":1}', topic="orders", pubsub_name="ps", path="/take",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ({"datacontenttype": "text/plain", "data": "ä"}, "ä".encode()),
        ({"datacontenttype": "application/xml; charset=utf-8", "data": "<a/>"}, b"<a/>"),
        ({"datacontenttype": "APPLICATION/JSON", "data": None}, b""),
        ({"datacontenttype": "application/cloudevents+json", "data": "x"}, b'"x"'),
        ({"datacontenttype": "foo/bar", "data": "x"}, b""),
        ({"data": "x"}, b""),
        ({"data_base64": "aGVs\nbG8=", "data": "x", "datacontenttype": "text/plain"}, b"hello"),
        ({"datacontenttype": "text/plain", "data": "\ud800"}, "\ufffd".encode()),
    ],
)
async def test_data_by_its_content_type(event: dict[str, Json], data: bytes) -> None:
    assert (await delivered(incoming(**event))).data == data


async def test_what_was_read_in_part_is_read_whole_and_keeps_the_trace_of_the_broker() -> None:
    lying = {"id": "1", "n": 12345678901234567890, "data": 1, "datacontenttype": "application/json"}
    event = Incoming({"id": "1", "traceid": "t"}, json.dumps(lying).encode(), "/t", "orders", whole=False)
    request = await delivered(event)
    assert request.data == b"1"
    assert MessageToDict(request.extensions) == {"n": 12345678901234567890.0, "traceid": "t"}


@pytest.mark.parametrize(
    "event",
    [
        {"data_base64": "*"},
        {"data_base64": 5},
        {"datacontenttype": "text/plain", "data": {"a": 1}},
    ],
)
async def test_what_no_message_can_be_made_of_is_not_sent(event: dict[str, Json]) -> None:
    app = CalledApp()
    answer = await GrpcChannel(app).deliver(incoming(**event), METADATA)
    assert answer.outcome is DeliveryStatus.RETRY
    assert not app.requests


async def test_metadata_of_a_call() -> None:
    app = CalledApp()
    metadata = {
        **METADATA, "Some": "thing", "x-bin": "ä", "grpc-timeout": "1", "te": "x", "Cookie": "c",
        "traceparent": "t",
    }  # fmt: skip
    await GrpcChannel(app, token="right").deliver(incoming(traceparent=TRACE), metadata)
    headers = dict(app.requests[0].headers)
    binary = headers.pop("grpc-trace-bin").encode("latin-1")
    assert headers == {
        "pubsubname": "ps", "some": "thing", "x-bin": "ä".encode().decode("latin-1"), "traceparent": TRACE,
        "dapr-api-token": "right",
    }  # fmt: skip
    assert binary == b"\0\0" + b"\xaa" * 16 + b"\1" + b"\xbb" * 8 + b"\2\1"


@pytest.mark.parametrize("metadata", [{"a b": "x"}, {"x": "ä"}, {"x": "a\nb"}, {"": "x"}])
async def test_what_is_no_metadata_fails_the_delivery_without_a_call(metadata: dict[str, str]) -> None:
    app = CalledApp()
    answer = await GrpcChannel(app).deliver(incoming(), {**METADATA, **metadata})
    assert answer.outcome is DeliveryStatus.RETRY
    assert "header key" in answer.detail
    assert not app.requests


@pytest.mark.parametrize(
    ("answered", "outcome", "code", "dead_letter"),
    [
        (TopicEventResponse(), DeliveryStatus.SUCCESS, None, True),
        (TopicEventResponse(status=TopicEventResponse.RETRY), DeliveryStatus.RETRY, None, True),
        (TopicEventResponse(status=TopicEventResponse.DROP), DeliveryStatus.DROP, None, True),
        (Response(200, body=b"\x08\x07"), DeliveryStatus.RETRY, None, True),
        (Response(200, body=b"\xff"), DeliveryStatus.RETRY, 13, True),
        (refused(StatusCode.UNIMPLEMENTED, "no"), DeliveryStatus.DROP, 12, False),
        (refused(StatusCode.INTERNAL, "broken"), DeliveryStatus.RETRY, 13, True),
        (ExchangeFailed("away"), DeliveryStatus.RETRY, None, True),
    ],
)
async def test_what_an_answer_means(
    answered: Message | Response | ExchangeFailed,
    outcome: DeliveryStatus,
    code: int | None,
    dead_letter: bool,
) -> None:
    answer = await GrpcChannel(CalledApp(answered)).deliver(incoming(), METADATA)
    assert (answer.outcome, answer.code, answer.dead_letter) == (outcome, code, dead_letter)


async def test_the_words_of_the_app_are_told() -> None:
    app = CalledApp(refused(StatusCode.INTERNAL, "broken"))
    answer = await GrpcChannel(app).deliver(incoming(), METADATA)
    assert answer.detail == "rpc error: code = INTERNAL desc = broken"


async def test_an_app_that_is_not_well_gets_nothing() -> None:
    app = CalledApp()
    answer = await GrpcChannel(app, health=AppHealth(healthy=False)).deliver(incoming(), METADATA)
    assert (answer.outcome, answer.detail) == (DeliveryStatus.RETRY, "app is not in a healthy state")
    assert not app.requests


async def test_a_batch() -> None:
    statuses = [
        TopicEventBulkResponseEntry(entry_id="0"),
        TopicEventBulkResponseEntry(entry_id="1", status=TopicEventResponse.DROP),
        TopicEventBulkResponseEntry(entry_id="who"),
    ]
    app = CalledApp(TopicEventBulkResponse(statuses=statuses))
    events: list[dict[str, Json]] = [
        {"id": "a", "datacontenttype": "text/plain", "data": "x", "traceparent": TRACE},
        {"id": "b", "data_base64": "eA=="},
        {"id": "c", "datacontenttype": "text/plain", "data": 5},
    ]
    answers = await GrpcChannel(app).deliver_bulk(batch(*events))
    assert {name: answer.outcome for name, answer in answers.items()} == {
        "0": DeliveryStatus.SUCCESS, "1": DeliveryStatus.DROP, "2": DeliveryStatus.RETRY
    }  # fmt: skip
    request = TopicEventBulkRequest.FromString(app.requests[0].body)
    assert app.requests[0].target == BULK
    assert app.requests[0].headers["traceparent"] == TRACE
    assert MessageToDict(request) == {
        "id": "id", "path": "/t", "pubsubName": "ps", "topic": "orders", "type": "com.dapr.event.sent.bulk",
        "metadata": {"pubsubName": "ps"},
        "entries": [
            {
                "entryId": "0", "metadata": {"n": "0"},
                "cloudEvent": {
                    "id": "a", "dataContentType": "text/plain", "data": "eA==",
                    "extensions": {"traceparent": TRACE},
                },
            },
            {"entryId": "1", "metadata": {"n": "1"}, "cloudEvent": {"id": "b", "extensions": {}}},
            {},
        ],
    }  # fmt: skip


async def test_a_batch_of_raw_payloads() -> None:
    app = CalledApp()
    await GrpcChannel(app).deliver_bulk(batch({"id": "a", "data_base64": "aGVsbG8="}, raw=True))
    request = TopicEventBulkRequest.FromString(app.requests[0].body)
    assert request.entries[0].bytes == b"hello"


async def test_a_batch_goes_to_the_alpha_service_where_the_other_is_not_there() -> None:
    entries = [TopicEventBulkResponseEntry(entry_id="0")]
    app = CalledApp(
        refused(StatusCode.UNIMPLEMENTED, ""), TopicEventBulkResponse(statuses=entries),
    )  # fmt: skip
    answers = await GrpcChannel(app).deliver_bulk(batch({}))
    assert answers["0"].outcome is DeliveryStatus.SUCCESS
    assert [request.target for request in app.requests] == [BULK, ALPHA_BULK]
    assert app.requests[0].body == app.requests[1].body


async def test_a_batch_that_neither_service_takes_is_dropped_without_a_copy() -> None:
    app = CalledApp(*(refused(StatusCode.UNIMPLEMENTED, "") for _ in range(2)))
    answers = await GrpcChannel(app).deliver_bulk(batch({}, {}))
    assert {(each.outcome, each.dead_letter) for each in answers.values()} == {(DeliveryStatus.DROP, False)}


async def test_what_the_app_subscribes_to() -> None:
    app = CalledApp(
        ListTopicSubscriptionsResponse(
            subscriptions=[
                TopicSubscription(pubsub_name="ps", topic="plain"),
                TopicSubscription(pubsub_name="ps", topic="empty", routes=TopicRoutes()),
                TopicSubscription(
                    pubsub_name="ps",
                    topic="ruled",
                    routes=TopicRoutes(rules=[TopicRule(match="true", path="/a")], default="/b"),
                    dead_letter_topic="dead",
                    metadata={"rawPayload": "true"},
                    bulk_subscribe=BulkSubscribeConfig(
                        enabled=True, max_messages_count=-1, max_await_duration_ms=5
                    ),
                ),
            ]
        )
    )
    discovered = await GrpcChannel(app, token="secret").discover()
    assert discovered.subscriptions == [
        Subscription("ps", "plain", (Rule(""),)),
        Subscription("ps", "empty", (Rule(""),)),
        Subscription(
            "ps", "ruled", (Rule("/a", "true"), Rule("/b")), "dead", {"rawPayload": "true"},
            BulkSubscribe(True, 0, 5),
        ),
    ]  # fmt: skip
    assert app.requests == [Request("POST", LIST_SUBSCRIPTIONS)]  # daprd tells its token only with events


async def test_an_app_that_knows_no_subscriptions_is_fine_and_one_that_fails_gets_none() -> None:
    missing = await GrpcChannel(CalledApp(refused(StatusCode.UNIMPLEMENTED, ""))).discover()
    assert missing.missing == "it does not implement ListTopicSubscriptions"
    for failure in (refused(StatusCode.INTERNAL, "broken"), ExchangeFailed("away")):
        with pytest.raises(NotAnswered, match=r"broken|away") as raised:
            await GrpcChannel(CalledApp(failure)).discover()
        assert raised.value.starts_nothing
    with pytest.raises(SubscribeInvalid):
        await GrpcChannel(CalledApp(Response(200, body=b"\xff"))).discover()


async def test_a_probe() -> None:
    app = CalledApp(
        Response(200), refused(StatusCode.UNIMPLEMENTED, "no health"), ExchangeFailed("away"),
    )  # fmt: skip
    channel = GrpcChannel(CalledApp(), probing=app)
    assert await channel.probe("", 1) == ""
    assert await channel.probe("", 1) == (
        "Health check failed: rpc error: code = UNIMPLEMENTED desc = no health"
    )
    assert await channel.probe("", 1) == "away"
    assert {request.target for request in app.requests} == {HEALTH}


async def test_an_app_over_grpc_is_not_asked_for_its_configuration() -> None:
    app = CalledApp()
    assert not await GrpcChannel(app).load_configuration()
    assert not app.requests
