"""Events that can never be handled: each is kept with its reason, and those behind it are handled."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from outboard import Drop, Event, Outboard, Topic
from outboard.testing import Harness
from outboard.wire.http import Exchange, Request

pytestmark = pytest.mark.anyio

RAW = "/v1.0/publish/pubsub/orders?metadata.rawPayload=true&metadata.partitionKey=ana"


class Order(BaseModel):
    number: int


@dataclass
class Shop:
    """A service that takes orders, those of 13 excepted, and whatever becomes a dead letter."""

    board: Outboard = field(default_factory=lambda: Outboard(environ={"APP_ID": "shop"}))
    app: FastAPI = field(init=False)
    orders: Topic[Order] = field(init=False)
    handled: list[int] = field(default_factory=list)
    dead: list[tuple[str | None, Event[object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = FastAPI(lifespan=self.board.lifespan)
        self.orders = self.board.topic("orders", Order)
        self.orders.subscribe("/orders", announce_dead_letter=True)(self.on_order)
        self.board.topic("orders-dead").subscribe("/dead", dead_letter=None)(self.on_dead)
        self.board.mount(self.app)

    async def on_order(self, event: Event[Order]) -> None:
        if event.data.number == 13:
            raise Drop("thirteen is not sold")
        self.handled.append(event.data.number)

    async def on_dead(self, event: Event[object], connection: HTTPConnection) -> None:
        """Keep the dead letter, and the key under which it lies."""
        self.dead.append((connection.headers.get("partitionkey"), event))


def cloud_event(**attributes: object) -> bytes:
    whole = {"specversion": "1.0", "id": "e-1", "source": "//web", "type": "order", "data": {"number": 1}}
    members = {**whole, **attributes}
    return json.dumps({name: value for name, value in members.items() if value != "absent"}).encode()


async def deliver(sidecar: Exchange, body: bytes) -> None:
    """Put `body`, as it is, on the topic `orders` with the key `ana`."""
    answer = await sidecar(Request("POST", RAW, body=body), 30)
    assert answer.status == 204, answer.body


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"type": "absent"}, "not a CloudEvents 1.0 event: 'type' is missing"),
        ({"specversion": "0.3"}, "not a CloudEvents 1.0 event: 'specversion' "),
        ({"time": "yesterday"}, "not a CloudEvents 1.0 event: 'time' "),
        ({"datacontenttype": 5}, "not a CloudEvents 1.0 event: 'datacontenttype' "),
        ({"data": {"number": "many"}}, "the data of event 'e-1' does not fit Order: data.number: "),
        ({"data": {}}, "the data of event 'e-1' does not fit Order: data.number: Field required"),
        ({"data": None}, "the data of event 'e-1' does not fit Order: data: "),
        ({"data": {"number": 13}}, "thirteen is not sold"),
    ],
)
async def test_poison_lies_on_the_dead_letter_topic_with_its_reason(
    outboard: Harness, caplog: pytest.LogCaptureFixture, attributes: dict[str, Any], reason: str
) -> None:
    shop = Shop()
    async with outboard.serving(shop.app, shop.board) as sidecar:
        await shop.orders.publish(Order(number=1))
        await deliver(sidecar, cloud_event(**attributes))
        await shop.orders.publish(Order(number=2))
        letter = await outboard.dead_lettered(shop.orders)
        await outboard.settled()

    assert shop.handled == [1, 2]
    assert letter.reason.startswith(reason)
    assert (letter.event_id, letter.origin, letter.attempts) == ("e-1", "//shop/pubsub/orders#/orders", 1)
    assert letter.data == attributes.get("data", {"number": 1})
    assert "deadlettertime" in json.loads(letter.payload)
    [warning] = [record.getMessage() for record in caplog.records if record.name == "outboard.subscriptions"]
    assert warning.startswith("event 'e-1' of topic 'orders' for ")
    assert f"went to dead letter topic 'orders-dead': {reason}" in warning
    assert len(outboard.dead_letters(shop.orders)) == 1
    [(key, dead)] = shop.dead  # who takes the dead letters can read each of them, however bad the event was
    assert (key, dead.id, dead.extensions["deadletterreason"]) == ("ana", "e-1", letter.reason)


@pytest.mark.parametrize("filler", ["x", "\xff"], ids=["an event", "no text"])
async def test_poison_as_large_as_the_sidecar_takes_it_is_dead_lettered_too(
    outboard: Harness, filler: str
) -> None:
    """With what a dead letter adds, or in Base64, it is larger than that."""
    limit = 4 * 1024 * 1024
    empty = cloud_event(data={"number": 13, "note": ""})
    body = empty.replace(b'""', b'"' + filler.encode("latin-1") * (limit - len(empty)) + b'"')
    shop = Shop()
    async with outboard.serving(shop.app, shop.board) as sidecar:
        await deliver(sidecar, body)
        await shop.orders.publish(Order(number=2), key="ana")
        letter = await outboard.dead_lettered(shop.orders)
        await outboard.settled()

    assert shop.handled == [2]
    assert len(body) == limit
    assert json.loads(letter.payload)["deadlettersize"] >= limit - 1024


async def test_an_attribute_that_no_event_can_have_is_set_aside_in_the_dead_letter(outboard: Harness) -> None:
    shop = Shop()
    async with outboard.serving(shop.app, shop.board) as sidecar:
        await deliver(sidecar, cloud_event(time="yesterday", subject=5, specversion="0.3", list=[1]))
        await outboard.dead_lettered(shop.orders)
        await outboard.settled()

    [(_, dead)] = shop.dead
    assert (dead.id, dead.subject, dead.data) == ("e-1", None, {"number": 1})
    aside = {name: value for name, value in dead.extensions.items() if name.startswith("invalid")}
    assert aside == {
        "invalidtime": "yesterday",
        "invalidsubject": "5",
        "invalidspecversion": "0.3",
        "invalidlist": "[1]",
    }


async def test_poison_keeps_its_id_its_key_and_its_data_for_who_takes_the_dead_letters(
    outboard: Harness,
) -> None:
    shop = Shop()
    async with outboard.serving(shop.app, shop.board):
        published = await shop.orders.publish(Order(number=13), key="ana", subject="luck")
        await outboard.dead_lettered(shop.orders)
        await outboard.settled()

    [(key, event)] = shop.dead
    assert (key, event.id, event.source, event.subject) == ("ana", published.id, "shop", "luck")
    assert event.data == {"number": 13}
    assert event.extensions["deadletterreason"] == "thirteen is not sold"


LEGAL = {  # all of it can be read, so the handler has it
    "NUL in id": cloud_event(id="\0"),
    "huge id": cloud_event(id="e" * 300_000),
    "300,000 keys": cloud_event(data={"number": 1, **{f"k{number}": 0 for number in range(300_000)}}),
    "key twice": cloud_event(data="@").replace(b'"@"', b'{"number": 7, "number": 1}'),
}
POISON = {
    "nothing": b"",
    "text": b"an order",
    "array": b"[]",
    "half an object": b'{"id": "1"',
    "two documents": b'{"id": "1"} {"id": "2"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep data": cloud_event(data="@").replace(b'"@"', b"[" * 100_000 + b"]" * 100_000),
    "5,000 digits": cloud_event(data="@").replace(b'"@"', b'{"number": ' + b"7" * 5_000 + b"}"),
    "1e400": cloud_event(data="@").replace(b'"@"', b'{"number": 1e400}'),
    "NaN": cloud_event(data="@").replace(b'"@"', b'{"number": NaN}'),
    "not UTF-8": cloud_event(data="@").replace(b'"@"', b'"\xff\xfe"'),
    "surrogate in id": cloud_event(id="\ud800"),
    "surrogate in data": cloud_event(data="\ud800"),
    "NUL in data": cloud_event(data="\0"),
    "null id": cloud_event(id=None),
    "trace that is no text": cloud_event(traceid=[]),
    "trace context that is no text": cloud_event(traceparent=[7]),
}


@pytest.mark.parametrize("body", LEGAL.values(), ids=LEGAL)
async def test_strange_but_legal_events_are_handled(outboard: Harness, body: bytes) -> None:
    shop = Shop()
    async with outboard.serving(shop.app, shop.board) as sidecar:
        await deliver(sidecar, body)
        await shop.orders.publish(Order(number=2))
        await outboard.settled()

    assert shop.handled == [1, 2]
    assert outboard.dead_letters(shop.orders) == []


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
async def test_whatever_lies_on_the_topic_is_kept_whole_and_stops_nobody(
    outboard: Harness, body: bytes
) -> None:
    shop = Shop()
    async with outboard.serving(shop.app, shop.board) as sidecar:
        await deliver(sidecar, body)
        await shop.orders.publish(Order(number=2))
        assert (await outboard.handled(shop.orders)).data == Order(number=2)
        await outboard.settled()

    assert shop.handled == [2]
    [letter] = outboard.dead_letters(shop.orders)
    assert letter.reason
    assert is_kept(body, letter.payload)


def is_kept(body: bytes, letter: bytes) -> bool:
    """Whether all of `body` is in `letter`: as it is, as base64, or with the attributes of a dead letter."""
    if letter == body:
        return True
    members = json.loads(letter)
    if "data_base64" in members:
        return base64.b64decode(members["data_base64"]) == body
    original = {name: value for name, value in json.loads(body).items() if value is not None}
    return all(
        members.get(name) == value or json.loads(members[f"invalid{name}"]) == value
        for name, value in original.items()
    )
