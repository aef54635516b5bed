"""What daprd 1.18.1 answers to publishing that cannot be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.sidecar.components.memory.pubsub import InMemoryPubSub
from outboard.sidecar.components.port import ComponentError, Message
from outboard.sidecar.runtime.sidecar import Sidecar
from support.sidecars import Hops, call, component, sidecar_for

pytestmark = pytest.mark.anyio

JSON = "application/json"
BULK = "/v1.0/publish/bulk/ps/t"


@pytest.fixture
def hops() -> Hops:
    return Hops()


@pytest.fixture
async def sidecar(hops: Hops) -> AsyncIterator[Sidecar]:
    scoped = component("scoped", "pubsub.in-memory", publishingScopes="api=allowed")
    resources = Resources((component("ps", "pubsub.in-memory"), scoped))
    async with sidecar_for(None, resources, hops, max_body_bytes=100).running() as running:
        yield running


@pytest.mark.parametrize(
    ("target", "body", "content_type", "status", "code", "reason", "message"),
    [
        ("/v1.0/publish/nope/t", b"{}", JSON, 404, "ERR_PUBSUB_NOT_FOUND", "DAPR_PUBSUB_NOT_FOUND",
         "pubsub nope is not found"),
        ("/v1.0/publish/scoped/t", b"{}", JSON, 403, "ERR_PUBSUB_FORBIDDEN", "DAPR_PUBSUB_FORBIDDEN",
         "topic t is not allowed for app id api"),
        ("/v1.0/publish/ps/t?metadata.rawPayload=x", b"{}", JSON, 400, "ERR_PUBSUB_REQUEST_METADATA",
         "DAPR_PUBSUB_METADATA_DESERIALIZATION",
         "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'x'"),
        ("/v1.0/publish/ps/t", b"[1]", "application/cloudevents+json", 500, "ERR_PUBSUB_CLOUD_EVENTS_SER",
         "DAPR_PUBSUB_CLOUD_EVENT_CREATION", "cannot create cloudevent"),
        ("/v1.0/publish/ps/t", b"x" * 102, JSON, 500, "ERR_PUBSUB_PUBLISH_MESSAGE",
         "DAPR_PUBSUB_PUBLISH_MESSAGE", "error when publishing to topic t in pubsub ps: stream too large"),
        (BULK, b"{", JSON, 400, "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_UNMARSHAL_EVENTS",
         "error when unmarshaling the request for topic t pubsub ps: unexpected EOF"),
        (BULK, b"{}", JSON, 400, "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_UNMARSHAL_EVENTS",
         "error when unmarshaling the request for topic t pubsub ps: json: cannot unmarshal object into "
         "Go value of type []http.bulkPublishMessageEntry"),
        (BULK, b'[{"entryId":1}]', JSON, 400, "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_UNMARSHAL_EVENTS",
         "error when unmarshaling the request for topic t pubsub ps: json: cannot unmarshal number into "
         "Go struct field bulkPublishMessageEntry.entryId of type string"),
        (BULK, b'[{"event":1,"contentType":"application/json"}]', JSON, 400, "ERR_PUBSUB_EVENTS_SER",
         "DAPR_PUBSUB_MARSHAL_EVENTS",
         "error marshaling events to bytes for topic t pubsub ps. error: "
         "entryId is duplicated or not present for entry"),
        (BULK, b'[{"entryId":"1","event":1}]', JSON, 400, "ERR_PUBSUB_EVENTS_SER",
         "DAPR_PUBSUB_MARSHAL_ENVELOPE", "error when marshalling cloud event envelope for topic t pubsub ps: "
         "error: mismatch between contentType and event"),
        (BULK, b'[{"entryId":"1","event":"%%","contentType":"application/octet-stream"}]', JSON, 400,
         "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_MARSHAL_ENVELOPE",
         "error when marshalling cloud event envelope for topic t pubsub ps: error: unable to decode base64 "
         "application/octect-stream data: illegal base64 data at input byte 0"),
        ("/v1.0/publish/bulk/scoped/t", b"[]", JSON, 403, "ERR_PUBSUB_FORBIDDEN", "DAPR_PUBSUB_FORBIDDEN",
         "topic t is not allowed for app id api"),
    ],
)  # fmt: skip
async def test_refusals(
    sidecar: Sidecar, hops: Hops, target: str, body: bytes, content_type: str,
    status: int, code: str, reason: str, message: str,
) -> None:  # fmt: skip
    answer = await call(sidecar.api, "POST", target, body, content_type=content_type)
    assert answer.status == status
    assert (answer.json["errorCode"], answer.json["message"]) == (code, message)
    assert answer.json["details"][-1]["reason"] == reason
    assert not hops.of(HopKind.STORED)


async def test_an_error_with_all_its_details(sidecar: Sidecar) -> None:
    answer = await call(sidecar.api, "POST", "/v1.0/publish/scoped/t", b"{}", content_type=JSON)
    assert answer.json["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ResourceInfo",
            "description": "topic t is not allowed for app id api",
            "owner": "",
            "resource_name": "scoped",
            "resource_type": "pubsub",
        },
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": {"error": "topic t is not allowed for app id api", "topic": "t"},
            "reason": "DAPR_PUBSUB_FORBIDDEN",
        },
    ]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1.0/publish/ps/t"),
        ("POST", "/v1.0/publish/ps"),
        ("POST", "/v1.0/publish/ps/"),
        ("POST", "/"),
    ],
)
async def test_what_has_no_route_is_taken_for_an_invocation(
    sidecar: Sidecar, method: str, target: str
) -> None:
    answer = await call(sidecar.api, method, target)
    assert answer.status == 404
    assert answer.json == {
        "errorCode": "ERR_DIRECT_INVOKE",
        "message": "failed getting app id either from the URL path or the header dapr-app-id",
    }


async def test_a_bad_escape_is_a_bad_request(sidecar: Sidecar) -> None:
    answer = await call(sidecar.api, "POST", "/v1.0/publish/ps/%zz")
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")


async def test_a_broker_that_fails(sidecar: Sidecar, hops: Hops, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: InMemoryPubSub, topic: str, message: Message) -> None:
        raise ComponentError("the broker is away")

    monkeypatch.setattr(InMemoryPubSub, "publish", fail)
    answer = await call(sidecar.api, "POST", "/v1.0/publish/ps/t", b"{}", content_type=JSON)
    assert answer.status == 500
    assert answer.json["message"] == "error when publishing to topic t in pubsub ps: the broker is away"
    entries: Any = [{"entryId": "1", "event": {}, "contentType": JSON}]
    answer = await call(sidecar.api, "POST", BULK, entries)
    assert answer.status == 500
    assert answer.json == {
        "failedEntries": [{"entryId": "1", "error": "the broker is away"}],
        "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE",
    }
    assert not hops.of(HopKind.STORED)


async def test_a_raw_payload_goes_to_the_broker_as_it_is(sidecar: Sidecar, hops: Hops) -> None:
    target = "/v1.0/publish/ps/t?metadata.rawPayload=true&metadata.partitionKey=k"
    assert (await call(sidecar.api, "PUT", target, b"\x00raw")).status == 204
    assert hops.all[0].payload == b"\x00raw"
