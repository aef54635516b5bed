"""What is told of the events of a real sidecar, by what goes between it and its app."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from outboard.clock import SystemClock
from outboard.hops.record import Hop
from outboard.testing.engines.watching import WatchedEvents
from outboard.wire.http import Exchange, Request, Response

pytestmark = pytest.mark.anyio

BULK = "/v1.0-alpha1/publish/bulk/pubsub/orders%2Fnew"


def event(name: str, **more: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": name, "source": "shop", "type": "placed", "data": 1, **more}


def published(*names: str) -> Request:
    if len(names) == 1:
        return Request(
            "POST", "/v1.0/publish/pubsub/orders?metadata.ttlInSeconds=5", {}, body(event(names[0]))
        )
    entries = [{"entryId": str(number), "event": event(name)} for number, name in enumerate(names)]
    return Request("POST", BULK, {}, body(entries))


def delivered(*names: str) -> Request:
    events = [event(name, pubsubname="pubsub", topic="orders") for name in names]
    if len(events) == 1:
        return Request("POST", "/orders", {}, body(events[0]))
    entries = [{"entryId": f"e{number}", "event": each} for number, each in enumerate(events)]
    whole = {"id": "b", "topic": "orders", "pubsubname": "pubsub", "entries": entries}
    return Request("POST", "/orders", {}, body(whole))


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def answering(status: int, value: object = None) -> Exchange:
    async def exchange(request: Request, timeout: float | None) -> Response:
        return Response(status, {}, b"" if value is None else body(value))

    return exchange


def told(hops: Sequence[Hop]) -> list[tuple[str, ...]]:
    return [(hop.kind.value, hop.topic, hop.event.event_id, hop.outcome) for hop in hops]


@pytest.fixture
def hops() -> list[Hop]:
    return []


@pytest.fixture
def events(hops: list[Hop]) -> WatchedEvents:
    return WatchedEvents(hops.append, SystemClock())


async def test_what_the_sidecar_took_is_stored(events: WatchedEvents, hops: list[Hop]) -> None:
    await events.to_sidecar("shop", answering(204))(published("a"), 1)
    await events.to_sidecar("shop", answering(500))(published("b"), 1)
    await events.to_sidecar("shop", answering(204))(Request("POST", "/v1.0/state/store", {}, b"[]"), 1)
    assert told(hops) == [("stored", "orders", "a", "")]
    assert hops[0].app_id == "shop"


async def test_of_several_at_once_those_that_failed_are_not(events: WatchedEvents, hops: list[Hop]) -> None:
    failed = {"failedEntries": [{"entryId": "1", "error": "full"}], "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE"}
    await events.to_sidecar("shop", answering(500, failed))(published("a", "b", "c"), 1)
    assert told(hops) == [("stored", "orders/new", name, "") for name in ("a", "c")]


async def test_each_delivery_has_its_answer_and_its_number(events: WatchedEvents, hops: list[Hop]) -> None:
    await events.to_sidecar("shop", answering(204))(published("a"), 1)
    await events.to_app("mail", answering(500))(delivered("a"), 1)
    await events.to_app("mail", answering(200, {"status": "SUCCESS"}))(delivered("a"), 1)
    assert [(hop.outcome, hop.attempt) for hop in hops[1:]] == [("RETRY", 1), ("SUCCESS", 2)]
    assert "500" in hops[1].detail


async def test_each_event_of_a_batch_has_an_answer(events: WatchedEvents, hops: list[Hop]) -> None:
    answer = {"statuses": [{"entryId": "e0", "status": "SUCCESS"}, {"entryId": "e1", "status": "DROP"}]}
    await events.to_app("mail", answering(200, answer))(delivered("a", "b"), 1)
    assert told(hops)[2:] == [("delivered", "orders", "a", "SUCCESS"), ("delivered", "orders", "b", "DROP")]


async def test_an_event_that_is_delivered_before_its_publisher_is_answered_is_stored_once(
    events: WatchedEvents, hops: list[Hop]
) -> None:
    async def sidecar(request: Request, timeout: float | None) -> Response:
        await events.to_app("mail", answering(200))(delivered("a"), 1)
        return Response(204)

    await events.to_sidecar("shop", sidecar)(published("a"), 1)
    assert [hop.kind.value for hop in hops] == ["stored", "delivered"]
    await events.to_sidecar("shop", answering(204))(published("a"), 1)
    assert [hop.kind.value for hop in hops] == ["stored", "delivered", "stored"]


async def test_what_somebody_else_has_published_is_known_once_it_comes(
    events: WatchedEvents, hops: list[Hop]
) -> None:
    await events.to_app("mail", answering(200))(delivered("x"), 1)
    assert told(hops) == [("stored", "orders", "x", ""), ("delivered", "orders", "x", "SUCCESS")]
    assert hops[0].app_id == ""
