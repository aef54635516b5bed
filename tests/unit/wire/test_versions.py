from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, Field

from outboard.errors import EventVersionUnknown, InvalidEventData, UpcasterUnsuitable
from outboard.wire.bulk import BulkCodec
from outboard.wire.events import EventCodec
from outboard.wire.versions import EventType, NewestVersion, Upcaster, Version

V1, V2, V3 = (f"urn:shop:order:{number}" for number in (1, 2, 3))


class OrderV1(BaseModel):
    number: int


class OrderV2(BaseModel):
    number: int
    cents: int = 0


class Order(BaseModel):
    number: int
    cents: int = Field(default=0, ge=0)
    currency: str = "EUR"


def body(**attributes: object) -> bytes:
    members: dict[str, object] = {
        "specversion": "1.0",
        "id": "o1",
        "source": "shop",
        "type": "order",
        "data": {"number": 7},
    }
    members |= attributes
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def first(old: OrderV1) -> OrderV2:
    return OrderV2(number=old.number, cents=100)


def second(old: OrderV2) -> Order:
    return Order(number=old.number, cents=old.cents, currency="DEM")


def codec_of(
    *upcasters: tuple[Version, type[Any], type[Any] | None, Callable[[Any], Any]],
    type: EventType[Order] = "order",
    dataschema: EventType[Order] | None = V3,
) -> EventCodec[Order]:
    codec = EventCodec(Order)
    versions = codec.versioned("orders", NewestVersion(type, dataschema))
    for version, model, to, function in upcasters:
        versions.add(Upcaster(version, model, to, function, f"{function.__name__} (a.py:1)"))
    return codec


def test_older_versions_become_the_newest_step_by_step() -> None:
    codec = codec_of(
        (Version(dataschema=V1), OrderV1, OrderV2, first), (Version(dataschema=V2), OrderV2, None, second)
    )
    event = codec.decode(body(dataschema=V1))
    assert event.data == Order(number=7, cents=100, currency="DEM")
    assert (event.type, event.dataschema) == ("order", V3)
    assert codec.decode(body(dataschema=V2)).data == Order(number=7, currency="DEM")
    assert codec.decode(body(dataschema=V3)).data == Order(number=7)


def test_an_event_that_says_no_schema_is_of_the_newest_unless_one_says_otherwise() -> None:
    assert codec_of().decode(body()).data == Order(number=7)
    codec = codec_of((Version(dataschema=""), OrderV2, None, second))
    assert codec.decode(body()).data.currency == "DEM"


@pytest.mark.parametrize("dataschema", [V1, "urn:shop:order:4"])
def test_a_version_without_an_upcaster_is_refused_also_where_its_data_would_fit(dataschema: str) -> None:
    codec = codec_of((Version(dataschema=V2), OrderV2, None, second))
    with pytest.raises(EventVersionUnknown, match=f"'o1'.*Order.*'{dataschema}', for which no upcaster"):
        codec.decode(body(dataschema=dataschema))


@pytest.mark.parametrize("type", ["order", "order.v3", "order.v2.1"])
def test_versions_told_by_types(type: str) -> None:
    codec = codec_of((Version(type="order.v1"), OrderV2, None, second), type="order.v2", dataschema=None)
    assert codec.decode(body(type="order.v1")).data.currency == "DEM"
    assert codec.decode(body(type="order.v1")).type == "order.v2"
    assert codec.decode(body(type="order.v2")).data.currency == "EUR"
    assert codec.decode(body(type="somebody.elses")).data.currency == "EUR"
    with pytest.raises(EventVersionUnknown, match=f"type '{type}', for which no upcaster"):
        codec.decode(body(type=type))


def test_attributes_that_the_newest_has_by_its_data() -> None:
    codec = codec_of(
        (Version("order.v1"), OrderV1, OrderV2, first),
        (Version("order.v2"), OrderV2, None, second),
        type=lambda order: f"order.{order.currency}",
        dataschema=lambda order: f"urn:{order.currency}",
    )
    event = codec.decode(body(type="order.v1"))
    assert (event.type, event.dataschema) == ("order.DEM", "urn:DEM")


def test_the_upcaster_that_says_most_of_an_event_counts() -> None:
    codec = codec_of(
        (Version("order.v1"), OrderV2, None, second),
        (Version("order.v1", V1), OrderV1, None, lambda old: Order(number=-1)),
    )
    assert codec.decode(body(type="order.v1", dataschema=V1)).data.number == -1
    assert codec.decode(body(type="order.v1", dataschema=V2)).data.number == 7


@pytest.mark.parametrize("number", [1, 2])
def test_a_bulk_delivery_is_read_by_versions(number: int) -> None:
    codec = codec_of((Version(dataschema=V1), OrderV2, None, second))
    sent = [body(id=f"o{each}", dataschema=V1 if each % 2 else V3) for each in range(number)]
    entries = ",".join(f'{{"entryId":"{each}","event":{raw.decode()}}}' for each, raw in enumerate(sent))
    text = (
        f'{{"type":"com.dapr.event.sent.bulk","id":"b","topic":"t","pubsubname":"p","entries":[{entries}]}}'
    )
    request = BulkCodec(codec).decode(text.encode())
    assert request is not None
    told = [entry.event or codec.decode(request.raw(entry)) for entry in request.entries]
    assert [event.data.currency for event in told] == ["EUR", "DEM"][:number]


def test_base64_data_of_an_older_version() -> None:
    codec = codec_of((Version(dataschema=V1), OrderV2, None, second))
    sent = body(
        data=None, data_base64="eyJudW1iZXIiOiA3fQ==", datacontenttype="application/json", dataschema=V1
    )
    assert codec.decode(sent).data.currency == "DEM"


def test_data_that_is_not_of_its_own_version_is_said_of_that() -> None:
    codec = codec_of((Version(dataschema=V1), OrderV1, None, lambda old: Order(number=old.number)))
    with pytest.raises(InvalidEventData, match=r"does not fit OrderV1: data\.number"):
        codec.decode(body(dataschema=V1, data={}))


def test_data_that_does_not_become_the_newest_is_said_with_the_upcaster() -> None:
    codec = codec_of((Version(dataschema=V1), OrderV1, None, lambda old: Order(number=1, cents=-old.number)))
    with pytest.raises(InvalidEventData, match=r"Order: upcaster <lambda> \(a.py:1\): data.cents") as caught:
        codec.decode(body(dataschema=V1))
    assert "-7" not in str(caught.value)


def test_a_function_that_gives_something_else_than_it_says() -> None:
    codec = codec_of((Version(dataschema=V1), OrderV1, None, lambda old: 5))
    with pytest.raises(TypeError, match=r"upcaster <lambda> \(a.py:1\) gives int, which is no Order"):
        codec.decode(body(dataschema=V1))


async def asynchronous(old: OrderV1) -> Order:
    return Order(number=old.number)


def of_two(old: OrderV1, new: Order) -> Order:
    return new


@pytest.mark.parametrize(
    ("version", "function", "problem"),
    [
        (Version(), first, "says neither `type` nor `dataschema`"),
        (Version(dataschema=V3), first, "is for .* which is what topic 'orders' publishes"),
        (Version("order"), first, "which is what topic 'orders' publishes"),
        (Version(dataschema=V1), asynchronous, "is asynchronous"),
        (Version(dataschema=V1), of_two, "cannot be called with the older data alone"),
        (Version(dataschema=V1), Order, "is no function"),
        (Version(dataschema=V2), second, "one event can be both"),
        (Version(type="order.v1"), second, "one event can be both"),
    ],
)
def test_what_no_upcaster_may_be(version: Version, function: Callable[[Any], Any], problem: str) -> None:
    with pytest.raises(UpcasterUnsuitable, match=problem):
        codec_of((Version(dataschema=V2), OrderV2, None, second), (version, OrderV1, None, function))


class OfUnknownTypes:
    """As Python 3.14 has a function whose annotation is imported for type checkers only."""

    __name__ = "of_unknown_types"

    @property
    def __signature__(self) -> inspect.Signature:
        raise NameError("name 'Older' is not defined")

    def __call__(self, old: OrderV1) -> OrderV2:
        return first(old)


def test_an_upcaster_whose_annotations_cannot_be_evaluated_is_one_all_the_same() -> None:
    codec = codec_of(
        (Version(dataschema=V2), OrderV2, None, second),
        (Version(dataschema=V1), OrderV1, OrderV2, OfUnknownTypes()),
    )
    assert codec.versions is not None
    codec.versions.check()


@pytest.mark.parametrize(
    ("upcasters", "problem"),
    [
        ([(V1, OrderV1, OrderV2, first)], "gives OrderV2, from which no upcaster of topic 'orders' leads on"),
        (
            [(V1, OrderV1, OrderV2, first), (V2, OrderV2, None, second), ("urn:2b", OrderV2, None, second)],
            "from which several lead on",
        ),
        ([(V1, OrderV1, OrderV2, first), (V2, OrderV2, OrderV1, second)], "from which the way leads back"),
    ],
)
def test_a_way_that_does_not_lead_to_the_newest(upcasters: list[Any], problem: str) -> None:
    declared = [(Version(dataschema=schema), *others) for schema, *others in upcasters]
    versions = codec_of(*declared).versions
    assert versions is not None
    with pytest.raises(UpcasterUnsuitable, match=problem):
        versions.check()


def test_what_can_lead_to_the_newest_is_fine() -> None:
    codec = codec_of(
        (Version(dataschema=V1), OrderV1, OrderV2, first), (Version(dataschema=V2), OrderV2, Order, second)
    )
    assert codec.versions is not None
    codec.versions.check()
