"""Events that cannot be published: the publisher is told, and the others are not touched by it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from faults.shop import Shop
from outboard import EventTooLarge, Outboard, OutboardError, PublishFailed, PublishForbidden, PubSubNotFound
from outboard.errors import InvalidCloudEvent, InvalidEventData, InvalidName

pytestmark = pytest.mark.anyio

CLOUD_EVENT = "application/cloudevents+json"


class Order(BaseModel):
    number: int


async def refused(board: Outboard, data: object, topic: str = "orders", **how: Any) -> OutboardError:
    """The error that publishing ends in."""
    async with board.connected():
        with pytest.raises(OutboardError) as caught:
            await board.publish(topic, data, **how)
    return caught.value


async def test_an_unknown_pubsub_is_named_and_nothing_is_published(shop: Shop) -> None:
    with shop.arriving():
        error = await refused(shop.board(), {"number": 1}, pubsub="kafka-pubsub")
        by_hand = shop.sidecar.http.post("/v1.0/publish/kafka-pubsub/orders", json={"number": 1})

    assert isinstance(error, PubSubNotFound)
    assert error.pubsub == "kafka-pubsub"
    assert str(error) == (
        "the sidecar has no pub/sub component 'kafka-pubsub': nothing was published. Loaded there: pubsub. "
        "Did you mean `pubsub`? Check the component's name, its `scopes` and namespace, and DAPR_PUBSUB_NAME."
    )
    assert by_hand.status_code == 404
    assert by_hand.json()["errorCode"] == "ERR_PUBSUB_NOT_FOUND"
    assert by_hand.json()["message"] == "pubsub kafka-pubsub is not found"


async def test_a_forbidden_topic_is_named_with_the_places_that_forbid_it(shop: Shop) -> None:
    with shop.arriving():
        error = await refused(shop.board(), {"number": 1}, topic="vault")
        by_hand = shop.sidecar.http.post("/v1.0/publish/pubsub/vault", json={"number": 1})

    assert isinstance(error, PublishForbidden)
    assert (error.pubsub, error.topic) == ("pubsub", "vault")
    assert str(error) == (
        "this app may not publish to topic 'vault' of 'pubsub': nothing was published. Check "
        "`publishingScopes`, `allowedTopics` and `protectedTopics` of the component. "
        "(The sidecar said: topic vault is not allowed for app id shop)"
    )
    assert by_hand.status_code == 403
    assert by_hand.json()["errorCode"] == "ERR_PUBSUB_FORBIDDEN"


async def test_an_oversize_event_is_refused_before_it_is_sent(shop: Shop) -> None:
    with shop.arriving():
        error = await refused(shop.board(max_event_bytes=60_000), "x" * 70_000)

    assert isinstance(error, EventTooLarge)
    assert (error.topic, error.limit) == ("orders", 60_000)
    assert error.size > 70_000
    assert str(error) == (
        f"the event for topic 'orders' of 'pubsub' has {error.size} bytes, more than the 60000 that the "
        "sidecar takes: nothing was published. Put the bulk of it elsewhere and publish a reference, or "
        "raise `--max-body-size` of the sidecar and `max_event_bytes` of the board together."
    )


@pytest.mark.parametrize("size", [70_000, 3_000_000])
async def test_an_event_that_is_oversize_for_the_sidecar_alone_is_refused_by_it(
    shop: Shop, size: int
) -> None:
    with shop.arriving():
        error = await refused(shop.board(), "x" * size)

    assert isinstance(error, PublishFailed)
    assert (error.status, error.code) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
    assert str(error) == (
        "the sidecar could not publish to topic 'orders' of 'pubsub': error when publishing to topic orders "
        "in pubsub pubsub: stream too large (HTTP 500 ERR_PUBSUB_PUBLISH_MESSAGE)"
    )


@pytest.mark.parametrize("text", ['{"number": 1', "{'number': 1}", "", "undefined"])
async def test_malformed_json_arrives_as_the_text_that_it_is(shop_over_http: Shop, text: str) -> None:
    with shop_over_http.arriving(text):  # so does daprd: the publisher's bytes are not thrown away
        answer = shop_over_http.sidecar.http.post(
            "/v1.0/publish/pubsub/orders", content=text, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 204


@pytest.mark.parametrize("text", ['{"id": "1", "data": ', '"an event"', "[]", ""])
async def test_what_is_no_cloudevent_but_says_so_is_refused(shop_over_http: Shop, text: str) -> None:
    with shop_over_http.arriving():
        answer = shop_over_http.sidecar.http.post(
            "/v1.0/publish/pubsub/orders", content=text, headers={"content-type": CLOUD_EVENT}
        )

    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "ERR_PUBSUB_CLOUD_EVENTS_SER"
    assert answer.json()["message"] == "cannot create cloudevent"
    assert answer.json()["details"][1]["metadata"]["error"], "it says what is wrong with the text"


async def test_data_of_the_wrong_shape_is_refused_where_it_is_published(shop: Shop) -> None:
    board = shop.board()
    orders = board.topic("orders", Order)
    wrong: Any = {"number": "many"}
    with shop.arriving():
        async with board.connected():
            with pytest.raises(InvalidEventData) as caught:
                await orders.publish(wrong, id="order-1")

    assert (caught.value.event_id, caught.value.model) == ("order-1", "Order")
    assert str(caught.value) == (
        "the data of event 'order-1' does not fit Order: data.number: Input should be a valid integer, "
        "unable to parse string as an integer"
    )


@pytest.mark.parametrize(
    "data", ["\ud800", object(), {"a": b"\xff"}], ids=["lone surrogate", "object", "bytes"]
)
async def test_data_that_json_cannot_hold_is_refused_where_it_is_published(shop: Shop, data: object) -> None:
    with shop.arriving():
        error = await refused(shop.board(), data, id="order-1")

    assert isinstance(error, InvalidEventData)
    text = "the data of event 'order-1' does not fit object: it cannot be written as JSON: "
    assert str(error).startswith(text)


@pytest.mark.parametrize(
    ("how", "error_type", "text"),
    [
        ({"id": ""}, InvalidCloudEvent, "not a CloudEvents 1.0 event: 'id' "),
        ({"extensions": {"Order-No": "1"}}, InvalidCloudEvent, "not a CloudEvents 1.0 event: 'Order-No' "),
        ({"key": "line\nend"}, InvalidName, "U+000A, which cannot be printed"),
        ({"pubsub": "../secrets"}, InvalidName, "pub/sub name '../secrets' has '.' or '..' for a part of"),
    ],
)
async def test_attributes_that_no_event_can_have_are_refused_where_it_is_published(
    shop: Shop, how: dict[str, Any], error_type: type[OutboardError], text: str
) -> None:
    with shop.arriving():
        error = await refused(shop.board(), {"number": 1}, **how)

    assert isinstance(error, error_type)
    assert text in str(error)


async def test_one_bad_event_of_a_bulk_keeps_the_whole_bulk_back(shop_over_http: Shop) -> None:
    good = {"entryId": "1", "event": {"number": 1}, "contentType": "application/json"}
    twice = {"entryId": "1", "event": {"number": 2}, "contentType": "application/json"}
    with shop_over_http.arriving():
        answer = shop_over_http.sidecar.http.post("/v1.0/publish/bulk/pubsub/orders", json=[good, twice])

    assert answer.status_code == 400
    assert "entryId is duplicated or not present for entry" in answer.json()["message"]
