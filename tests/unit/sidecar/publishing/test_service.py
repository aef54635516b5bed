"""Publishing in values: no request and no reply of any protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from outboard.hops.journal import Journal
from outboard.resources.resiliency import Policies
from outboard.sidecar.components.port import ComponentError, Message, MessageHandler, PubSubTraits
from outboard.sidecar.errors import ApiError, ErrorInfo, ResourceInfo
from outboard.sidecar.events.envelope import CLOUD_EVENT
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, PubSubPublisher
from outboard.sidecar.publishing.requests import BulkPublishEntry, EventEntry, PublishRequest
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.publishing.service import PublishService
from outboard.sidecar.resiliency.guard import Resilience
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio

ALLOWED = "t"


class Broker:
    """Keeps what it is given; refuses data that says so."""

    traits = PubSubTraits()

    def __init__(self) -> None:
        self.taken: list[Message] = []

    async def publish(self, topic: str, message: Message) -> None:
        if b"refused" in message.data:
            raise ComponentError("refused")
        self.taken.append(message)

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        raise AssertionError

    async def close(self) -> None: ...


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def service(broker: Broker) -> PublishService:
    clock = AutojumpClock()
    resilience = Resilience(clock, lambda: 0.5, SidecarLog("api", "info", "v"))
    access = TopicAccess(publishing=frozenset({ALLOWED}))
    guards = (resilience.guard("ps", "output", Policies()), resilience.guard("ps", "input", Policies()))
    loaded = {"ps": LoadedPubSub("ps", broker, access, *guards)}
    return PublishService("api", PubSubPublisher(loaded, "api", Journal("api", clock)), clock, lambda: "new")


def asked(pubsub: str = "ps", topic: str = ALLOWED, **metadata: str) -> PublishRequest:
    return PublishRequest(pubsub, topic, metadata, None)


async def test_data_gets_an_envelope_unless_it_is_raw(service: PublishService, broker: Broker) -> None:
    await service.publish(asked(), b'{"a":1}', "application/json")
    await service.publish(asked(rawPayload="true"), b"as it is", "text/plain")
    wrapped, raw = broker.taken
    event = json.loads(wrapped.data)
    assert (event["id"], event["source"], event["topic"], event["data"]) == ("new", "api", "t", {"a": 1})
    assert raw.data == b"as it is"


async def test_a_component_that_is_not_there_is_told_before_anything_else(service: PublishService) -> None:
    for check in (service.check, service.check_bulk):
        with pytest.raises(ApiError, match="pubsub nope is not found") as caught:
            check(asked("nope", rawPayload="x"))
        assert (caught.value.status, caught.value.code) == (404, "ERR_PUBSUB_NOT_FOUND")
        assert caught.value.details == (ErrorInfo("DAPR_PUBSUB_NOT_FOUND", {"rawPayload": "x"}),)


@pytest.mark.parametrize(
    ("request_", "data", "status", "reason"),
    [
        (asked(topic="other"), b"{}", 403, "FORBIDDEN"),
        (asked(rawPayload="x"), b"{}", 400, "METADATA_DESERIALIZATION"),
        (asked(), b"refused", 500, "PUBLISH_MESSAGE"),
    ],
)
async def test_an_error_has_daprd_s_reason_and_the_component(
    service: PublishService, request_: PublishRequest, data: bytes, status: int, reason: str
) -> None:
    with pytest.raises(ApiError) as caught:
        await service.publish(request_, data, "text/plain")
    resource, info = caught.value.details
    assert isinstance(resource, ResourceInfo)
    assert isinstance(info, ErrorInfo)
    assert (caught.value.status, resource.name, info.reason) == (status, "ps", f"DAPR_PUBSUB_{reason}")


async def test_what_is_no_cloud_event_though_it_says_so_is_refused(service: PublishService) -> None:
    with pytest.raises(ApiError, match="cannot create cloudevent"):
        await service.publish(asked(), b"[1]", CLOUD_EVENT)


@pytest.mark.parametrize(
    "metadata",
    [{"": "a"}, {"x y": "a"}, {"☃": "a"}, {"\0": "a"}, {"a": "b\r\nc"}, {"partitionKey": "\0"}],
)  # fmt: skip
async def test_metadata_that_could_be_no_header_is_refused(
    service: PublishService, broker: Broker, metadata: dict[str, str]
) -> None:
    entries = [BulkPublishEntry("1", b"fine", "text/plain", None), BulkPublishEntry("2", b"", "", metadata)]
    events = [EventEntry("1", {"id": "1"}, dict(metadata))]
    for publish in (
        service.publish(asked(**metadata), b"1", "application/json"),
        service.publish_bulk(asked(), None, entries, raw=False),
        service.publish_bulk(asked(), events, (), raw=False),
    ):
        with pytest.raises(ApiError, match="could never be delivered") as caught:
            await publish
        assert caught.value.status == 400
    assert broker.taken == []


@pytest.mark.parametrize("number", ["1e999", "-1E+0999", "9" * 400, "9" * 250 + "e99"])
@pytest.mark.parametrize("content_type", ["application/json", CLOUD_EVENT])
async def test_a_number_that_is_no_double_is_refused(
    service: PublishService, broker: Broker, number: str, content_type: str
) -> None:
    with pytest.raises(ApiError, match="could never be delivered: json: cannot unmarshal number") as caught:
        await service.publish(asked(), f'{{"data":{number}}}'.encode(), content_type)
    assert (caught.value.status, broker.taken) == (400, [])


@pytest.mark.parametrize("data", [b'{"n":1e308}', b'{"n":0e999}', b'"1e999"', b'{"n":1e-999}'])
async def test_what_only_looks_too_large_is_published(
    service: PublishService, broker: Broker, data: bytes
) -> None:
    await service.publish(asked(), data, "application/json")
    assert len(broker.taken) == 1


async def test_of_many_what_failed_is_told_by_entry(service: PublishService, broker: Broker) -> None:
    entries = [
        BulkPublishEntry("1", b"fine", "text/plain", None),
        BulkPublishEntry("2", b"refused", "text/plain", None),
    ]
    outcome = await service.publish_bulk(asked(), None, entries, raw=False)
    assert outcome == ({"2": "refused"}, False)
    assert [json.loads(message.data)["data"] for message in broker.taken] == ["fine"]


async def test_the_request_s_metadata_reaches_entries_that_have_some(
    service: PublishService, broker: Broker
) -> None:
    events = [EventEntry("1", {"id": "1"}, None), EventEntry("2", {"id": "2"}, {"own": "2", "both": "2"})]
    await service.publish_bulk(asked(both="r", request="r"), events, (), raw=False)
    assert [dict(message.metadata) for message in broker.taken] == [
        {},
        {"both": "2", "request": "r", "own": "2"},
    ]


@pytest.mark.parametrize("ids", [["1", "1"], [""], ["1", ""]])
async def test_entries_need_ids_of_their_own(service: PublishService, broker: Broker, ids: list[str]) -> None:
    entries = [BulkPublishEntry(each, b"", "text/plain", None) for each in ids]
    with pytest.raises(ApiError, match="entryId is duplicated or not present"):
        await service.publish_bulk(asked(), None, entries, raw=False)
    assert not broker.taken
