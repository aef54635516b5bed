from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import metadata_pb2, pubsub_pb2, state_pb2
from google.protobuf.empty_pb2 import Empty

from outboard import (
    Outboard,
    OutboardError,
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    SidecarUnavailable,
    StateFailed,
    TokenRejected,
)
from outboard.clock import SystemClock
from outboard.errors import ExtraMissing, NoSidecarInTest, SidecarSilent, UnexpectedGrpcAnswer
from outboard.kit.client.grpc.sidecar import connect
from outboard.kit.client.port import Publication, SidecarApi, StateDelete, StateItem, StateRead, StateSave
from outboard.kit.client.settings import Settings
from outboard.wire.http import ExchangeFailed
from support.grpc_sidecar import GrpcSidecarStub, Refused

pytestmark = pytest.mark.anyio

CLOUD_EVENT = "application/cloudevents+json"
INVALID, UNIMPLEMENTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED
TIME = 10.0


@pytest.fixture
async def stub() -> AsyncIterator[GrpcSidecarStub]:
    stub = GrpcSidecarStub()
    async with stub.serving():
        yield stub


@pytest.fixture
async def sidecar(stub: GrpcSidecarStub) -> AsyncIterator[SidecarApi]:
    environ = {"DAPR_GRPC_PORT": str(stub.port), "DAPR_API_PROTOCOL": "grpc", "DAPR_API_TOKEN": "sesame"}
    async with connect(Settings.from_environ(environ), SystemClock(), lambda: 0.5) as sidecar:
        yield sidecar


def events(*bodies: bytes) -> list[Publication]:
    return [Publication("p", "t", body) for body in bodies]


async def test_publish(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    publication = Publication("p", "a/b", b"{}", {"partitionKey": "ü"}, {"traceparent": "00-1"})
    await sidecar.publish(publication, TIME)
    assert stub.sent("PublishEvent") == [
        pubsub_pb2.PublishEventRequest(
            pubsub_name="p",
            topic="a/b",
            data=b"{}",
            data_content_type=CLOUD_EVENT,
            metadata={"partitionKey": "ü"},
        )
    ]
    assert stub.metadata[0]["dapr-api-token"] == "sesame"
    assert stub.metadata[0]["traceparent"] == "00-1"


async def test_several_are_published_in_one_call(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    first = Publication("p", "t", b'{"a":1}', {"partitionKey": "k"}, traceid="00-1")
    answer = await sidecar.attempt([first, *events(b"{}")], TIME)
    assert list(answer.outcomes) == [None, None]
    (request,) = stub.sent("BulkPublishEvent")
    assert [(each.entry_id, each.event, each.content_type) for each in request.entries] == [
        ("0", b'{"traceid":"00-1","a":1}', CLOUD_EVENT),
        ("1", b"{}", CLOUD_EVENT),
    ]
    assert dict(request.entries[0].metadata) == {"partitionKey": "k"}


async def test_one_alone_is_a_plain_publish(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    assert (await sidecar.attempt(events(b"{}"), TIME)).outcomes == [None]
    assert stub.sent("PublishEvent")


async def test_entries_that_the_answer_names_have_failed(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    failed = pubsub_pb2.BulkPublishResponseFailedEntry(entry_id="1", error="full")
    stub.answer("BulkPublishEvent", pubsub_pb2.BulkPublishResponse(failedEntries=[failed]))
    first, second = (await sidecar.attempt(events(b"1", b"2"), TIME)).outcomes
    assert first is None
    assert isinstance(second, PublishFailed)
    assert second.reason == "full"


async def test_what_blames_one_event_is_taken_apart(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    def taken(request: pubsub_pb2.BulkPublishRequest) -> object:
        if any(entry.event == b"bad" for entry in request.entries):
            return Refused(INVALID, "cannot create cloudevent", "DAPR_PUBSUB_CLOUD_EVENT_CREATION")
        return pubsub_pb2.BulkPublishResponse()

    def alone(request: pubsub_pb2.PublishEventRequest) -> object:
        if request.data == b"bad":
            return Refused(INVALID, "why", "DAPR_PUBSUB_CLOUD_EVENT_CREATION")
        return Empty()

    stub.answer("BulkPublishEvent", *[taken] * 5)
    stub.answer("PublishEvent", *[alone] * 6)
    answer = await sidecar.attempt(events(b"1", b"2", b"3", b"4", b"bad", b"5"), TIME)
    assert [type(each) for each in answer.outcomes] == [*[type(None)] * 4, PublishFailed, type(None)]


async def test_any_other_failure_is_that_of_all(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    message = "error when publishing to topic t in pubsub p: broker away"
    stub.answer("BulkPublishEvent", Refused(grpc.StatusCode.INTERNAL, message, "DAPR_PUBSUB_PUBLISH_MESSAGE"))
    outcomes = (await sidecar.attempt(events(b"1", b"2"), TIME)).outcomes
    for each in outcomes:
        assert isinstance(each, PublishFailed)
        assert (each.status, each.code, each.reason) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE", message)
    assert outcomes[0] is not outcomes[1]


async def test_an_older_sidecar_knows_bulk_by_another_name(
    sidecar: SidecarApi, stub: GrpcSidecarStub
) -> None:
    stub.answer("BulkPublishEvent", Refused(UNIMPLEMENTED, "unknown method BulkPublishEvent"))
    for _ in range(2):
        assert list((await sidecar.attempt(events(b"1", b"2"), TIME)).outcomes) == [None, None]
    assert len(stub.sent("BulkPublishEvent")) == 1
    assert len(stub.sent("BulkPublishEventAlpha1")) == 2


async def test_the_loaded_components_are_named_once_for_a_batch(
    sidecar: SidecarApi, stub: GrpcSidecarStub
) -> None:
    refused = Refused(INVALID, "pubsub p is not found", "DAPR_PUBSUB_NOT_FOUND")
    stub.answer("BulkPublishEvent", refused)
    stub.answer("PublishEvent", refused, refused)
    loaded = metadata_pb2.RegisteredComponents(name="pubsub", type="pubsub.redis")
    stub.answer("GetMetadata", metadata_pb2.GetMetadataResponse(registered_components=[loaded]))
    outcomes = (await sidecar.attempt(events(b"1", b"2"), TIME)).outcomes
    assert [type(each) for each in outcomes] == [PubSubNotFound, PubSubNotFound]
    assert "Loaded there: pubsub." in str(outcomes[0])
    assert len(stub.sent("GetMetadata")) == 1


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (Refused(grpc.StatusCode.UNAUTHENTICATED, "Unauthorized", "Unauthorized"), TokenRejected),
        (Refused(grpc.StatusCode.PERMISSION_DENIED, "no", "DAPR_PUBSUB_FORBIDDEN"), PublishForbidden),
        (Refused(grpc.StatusCode.PERMISSION_DENIED, "a proxy says no"), UnexpectedGrpcAnswer),
        (Refused(UNIMPLEMENTED, "Received http2 header with status: 404"), UnexpectedGrpcAnswer),
        (Refused(INVALID, "nobody of Dapr's says why"), UnexpectedGrpcAnswer),
        (Refused(grpc.StatusCode.UNKNOWN, "why"), PublishFailed),
        (Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "message larger than max (9 vs. 8)"), PublishFailed),
        (Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests"), UnexpectedGrpcAnswer),
        (Refused(grpc.StatusCode.UNAVAILABLE, "draining"), SidecarSilent),
    ],
)
async def test_refusals(
    sidecar: SidecarApi, stub: GrpcSidecarStub, refused: Refused, expected: type[OutboardError]
) -> None:
    stub.answer("PublishEvent", refused)
    with pytest.raises(expected) as caught:
        await sidecar.publish(Publication("p", "t", b"{}"), TIME)
    assert type(caught.value) is expected
    assert len(stub.sent("PublishEvent")) == 1


async def test_who_is_no_sidecar_is_named_with_what_it_answered(
    sidecar: SidecarApi, stub: GrpcSidecarStub
) -> None:
    stub.answer("GetState", Refused(UNIMPLEMENTED, "no such\nservice"))
    with pytest.raises(UnexpectedGrpcAnswer) as caught:
        await sidecar.get_state("s", "k", StateRead(), TIME)
    assert str(caught.value).startswith(
        f"grpc://127.0.0.1:{stub.port} does not answer as a Dapr sidecar does: a try to read key 'k' of "
        "state store 's' got gRPC status 12, UNIMPLEMENTED: 'no such service'."
    )


async def test_state_is_asked_with_all_that_was_said(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    await sidecar.get_state("s", "k", StateRead("strong", {"a": "b"}), TIME)
    save = StateSave("k", b"[1.0]", "7", "first-write", "strong", {"ttlInSeconds": "3"})
    await sidecar.save_states("s", [save, StateSave("l", b"null")], TIME)
    await sidecar.delete_state("s", StateDelete("k", "7", "first-write", "eventual", {"a": "b"}), TIME)
    await sidecar.transact("s", [save, StateDelete("l")], TIME)
    options = common_pb2.StateOptions(
        concurrency=common_pb2.StateOptions.CONCURRENCY_FIRST_WRITE,
        consistency=common_pb2.StateOptions.CONSISTENCY_STRONG,
    )
    eventual = common_pb2.StateOptions(
        concurrency=common_pb2.StateOptions.CONCURRENCY_FIRST_WRITE,
        consistency=common_pb2.StateOptions.CONSISTENCY_EVENTUAL,
    )
    etag = common_pb2.Etag(value="7")
    item = common_pb2.StateItem(
        key="k", value=b"[1.0]", etag=etag, options=options, metadata={"ttlInSeconds": "3"}
    )
    assert [request for _, request in stub.requests] == [
        state_pb2.GetStateRequest(
            store_name="s",
            key="k",
            consistency=common_pb2.StateOptions.CONSISTENCY_STRONG,
            metadata={"a": "b"},
        ),
        state_pb2.SaveStateRequest(
            store_name="s", states=[item, common_pb2.StateItem(key="l", value=b"null")]
        ),
        state_pb2.DeleteStateRequest(
            store_name="s", key="k", etag=etag, options=eventual, metadata={"a": "b"}
        ),
        state_pb2.ExecuteStateTransactionRequest(
            storeName="s",
            operations=[
                state_pb2.TransactionalStateOperation(operationType="upsert", request=item),
                state_pb2.TransactionalStateOperation(
                    operationType="delete", request=common_pb2.StateItem(key="l")
                ),
            ],
        ),
    ]


async def test_get_many_keeps_the_order_of_the_keys(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    items = [
        state_pb2.BulkStateItem(key="c"),
        state_pb2.BulkStateItem(key="b", data=b"null", etag="2"),
        state_pb2.BulkStateItem(key="a", data=b'{"n":12345678901234567890}', etag="1"),
    ]
    stub.answer("GetBulkState", state_pb2.GetBulkStateResponse(items=items))
    assert await sidecar.get_states("s", ["a", "b", "c", "d"], StateRead(), TIME) == [
        StateItem("a", b'{"n":12345678901234567890}', "1"),
        StateItem("b", b"null", "2"),
        StateItem("c"),
        StateItem("d"),
    ]


async def test_a_value_that_cannot_be_read_is_told(sidecar: SidecarApi, stub: GrpcSidecarStub) -> None:
    item = state_pb2.BulkStateItem(key="a", error="disk")
    stub.answer("GetBulkState", state_pb2.GetBulkStateResponse(items=[item]))
    with pytest.raises(StateFailed, match="could not read key 'a': disk"):
        await sidecar.get_states("s", ["a"], StateRead(), TIME)


async def test_a_sidecar_that_goes_with_the_call_in_its_hands_is_not_asked_twice() -> None:
    taken = asyncio.Event()
    calls = 0

    class Held(GrpcSidecarStub):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
            async def handle(request: bytes, context: object) -> bytes:
                nonlocal calls
                calls += 1
                taken.set()
                await asyncio.Event().wait()
                return b""

            return grpc.unary_unary_rpc_method_handler(handle)

    stub = Held()
    async with stub.serving() as port:
        settings = Settings.from_environ({"DAPR_GRPC_PORT": str(port), "DAPR_API_PROTOCOL": "grpc"})
        connecting = connect(settings, SystemClock(), lambda: 0.5)
        sidecar = await connecting.__aenter__()
        publishing = asyncio.create_task(sidecar.publish(Publication("p", "t", b"{}"), 30))
        await taken.wait()
    with pytest.raises(SidecarUnavailable):
        await publishing
    await connecting.__aexit__(None, None, None)
    assert calls == 1


async def test_an_attempt_that_nobody_answered_is_an_outcome(
    sidecar: SidecarApi, stub: GrpcSidecarStub
) -> None:
    stub.answer("BulkPublishEvent", Refused(grpc.StatusCode.UNAVAILABLE, "gone"))
    outcomes = (await sidecar.attempt(events(b"1", b"2"), TIME)).outcomes
    for each in outcomes:
        assert isinstance(each, ExchangeFailed)
        assert each.sent


async def test_in_a_test_the_fixture_is_named() -> None:
    board = Outboard(protocol="grpc", environ={"DAPR_HTTP_PORT": "1"})
    async with board.connected():
        with pytest.raises((NoSidecarInTest, TokenRejected, PubSubNotFound)) as caught:
            await board.publish("t", 1)
    if isinstance(caught.value, NoSidecarInTest):  # a developer may have a sidecar at the default port
        assert caught.value.address == "grpc://127.0.0.1:50001"


async def test_without_the_extra_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "outboard.kit.client.grpc.sidecar", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'outboard\[grpc\]'"):
        async with Outboard(protocol="grpc", environ={}).connected():
            pass
