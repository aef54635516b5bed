"""What is written can be read again: the codec that events and state have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializeAsAny,
    computed_field,
)
from typing_extensions import TypedDict

from outboard.errors import InvalidEventData
from outboard.wire.data import DataCodec, DataUnfit
from outboard.wire.events import Event, EventCodec

T = TypeVar("T")


class Order(BaseModel):
    id: int
    price: float = 1.0


class Gift(Order):
    card: str = ""


class Parcel(BaseModel):
    order: Order
    others: list[Order] = []


class Polite(Order):
    """Has no field of its own."""


class Box(BaseModel, Generic[T]):
    inside: T


class ValidationAlias(BaseModel):
    id: int = Field(validation_alias="orderId")


class SerializationAlias(BaseModel):
    id: int = Field(serialization_alias="orderId")


class Alias(BaseModel):
    id: int = Field(alias="orderId")


class Choices(BaseModel):
    id: int = Field(validation_alias=AliasChoices("orderId", "order_id"))


class Path(BaseModel):
    id: int = Field(validation_alias=AliasPath("order", "id"))


class Excluded(BaseModel):
    id: int = Field(exclude=True)


class Total(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:
        return self.id


class OneWay(BaseModel):
    id: Annotated[int, PlainSerializer(lambda value: f"number {value}")]


class BadDefault(BaseModel):
    id: int = None  # type: ignore[assignment]


class Bounded(BaseModel):
    id: int = Field(gt=0)


class Constants(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    price: float


class Done(BaseModel):
    id: int


class Failed(BaseModel):
    id: int


class Small(TypedDict):
    id: int


class Large(Small):
    card: str


@dataclass
class Point:
    x: int


@dataclass
class Pixel(Point):
    colour: str = ""


def changed(model: BaseModel, **fields: object) -> Any:
    return model.model_copy(update=fields)


UNREADABLE: list[tuple[Any, Any, str]] = [
    (Order, Order(id=1, price=math.nan), "data.price is NaN or infinite"),
    (Order, Order(id=1, price=-math.inf), "data.price is NaN"),
    (Box[float | None], Box[float | None](inside=math.nan), "data.inside is NaN"),
    (Parcel, Parcel(order=Order(id=1), others=[Order(id=1, price=math.inf)]), "data.others.0.price"),
    (Constants, Constants(price=math.nan), "is NaN"),
    (object, {"price": [1.0, math.nan]}, "is NaN"),
    (object, {"order": Order(id=1, price=math.nan)}, "data.order.price"),
    (dict[str, float], {"a": math.nan}, "data.a"),
    (list[float], [math.inf], "data.0"),
    (float, math.nan, "data is NaN"),
    (ValidationAlias, ValidationAlias(orderId=1), "data.orderId: Field required"),  # type: ignore[call-arg]
    (Alias, Alias(orderId=1), "serialize_by_alias"),
    (Choices, Choices(orderId=1), "data.orderId"),  # type: ignore[call-arg]
    (Path, Path(order={"id": 1}), "data.order"),  # type: ignore[call-arg]
    (Excluded, Excluded(id=1), "exclude"),
    (Total, Total(id=1), "data.total: Extra inputs"),
    (OneWay, OneWay(id=1), "data.id: Input should be a valid integer"),
    (BadDefault, BadDefault(), "data.id"),
    (Bounded, changed(Bounded(id=1), id=0), "greater than 0"),
    (Order, Gift(id=1, card="hi"), "data.card would be lost: Order has no such field"),
    (Order | Done, Gift(id=1, card="hi"), "data.card would be lost"),
    (Parcel, Parcel(order=Gift(id=1)), "data.order.card would be lost"),
    (Parcel, Parcel(order=Order(id=1), others=[Order(id=1), Gift(id=2)]), "data.others.1.card"),
    (list[Order], [Gift(id=1)], "data.0.card"),
    (Point, Pixel(1, "red"), "data.colour would be lost"),
    (Small, Large(id=1, card="hi"), "data.card would be lost"),
    (Done | Failed, Failed(id=1), "it is Failed, and would be read as Done"),
    (int, "seven", "data: Input should be a valid integer"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "value", "problem"), UNREADABLE)
def test_what_nobody_could_read_is_not_written(model: Any, value: Any, problem: str) -> None:
    codec: DataCodec[Any] = DataCodec(model)
    with pytest.raises(DataUnfit) as caught:
        codec.encode(value)
    assert problem in caught.value.problem


class ByAlias(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    id: int = Field(alias="orderId")


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    id: int = Field(alias="orderId")


class Strings(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings")
    price: float
    note: str | None = None


class Secretive(BaseModel):
    id: int
    cached: int = Field(default=0, exclude=True)


class Lively(BaseModel):
    order: SerializeAsAny[Order]


class Kind(BaseModel):
    kind: Literal["a"] = "a"
    id: int = 0


class OtherKind(BaseModel):
    kind: Literal["b"] = "b"
    id: int = 0


class Tree(BaseModel):
    children: list[Tree] = []
    note: str | None = None


READABLE: list[tuple[Any, Any, bytes]] = [
    (Order, Order(id=1), b'{"id":1,"price":1.0}'),
    (Order, {"id": 1}, b'{"id":1,"price":1.0}'),
    (Order, Polite(id=1), b'{"id":1,"price":1.0}'),
    (Order | None, None, b"null"),
    (ByAlias, ByAlias(orderId=1), b'{"orderId":1}'),
    (ByName, ByName(orderId=1), b'{"id":1}'),
    (SerializationAlias, SerializationAlias(id=1), b'{"id":1}'),
    (Strings, Strings(price=math.nan), b'{"price":"NaN","note":null}'),
    (Secretive, Secretive(id=1, cached=7), b'{"id":1}'),
    (Lively, Lively(order=Gift(id=1, card="hi")), b'{"order":{"id":1,"price":1.0,"card":"hi"}}'),
    (Kind | OtherKind, OtherKind(id=3), b'{"kind":"b","id":3}'),
    (Annotated[Kind | OtherKind, Field(discriminator="kind")], OtherKind(), b'{"kind":"b","id":0}'),
    (Tree, Tree(children=[Tree()]), b'{"children":[{"children":[],"note":null}],"note":null}'),
    (Point, Point(1), b'{"x":1}'),
    (Small, Small(id=1), b'{"id":1}'),
    (object, {"a": None, "text": "NaN", "b": [Order(id=1)]},
     b'{"a":null,"text":"NaN","b":[{"id":1,"price":1.0}]}'),
    (Any, [None, 1.5], b"[null,1.5]"),
    (tuple[int, str], (1, "a"), b'[1,"a"]'),
]  # fmt: skip


@pytest.mark.parametrize(("model", "value", "text"), READABLE)
def test_what_can_be_read_is_written(model: Any, value: Any, text: bytes) -> None:
    codec: DataCodec[Any] = DataCodec(model)
    assert codec.encode(value) == text
    codec.adapter.validate_json(text)


def test_bytes_are_of_the_model_too() -> None:
    event: Any = Event(id="1", source="here", data=b"\x00")
    with pytest.raises(InvalidEventData, match="event '1' does not fit Order"):
        EventCodec(Order).encode(event)
    written = Event(id="1", source="here", datacontenttype="application/json", data=b'{"id":1}')
    assert EventCodec[Any](Order).decode(EventCodec[Any](Order).encode(written)).data == Order(id=1)


def test_values_are_not_in_the_problem() -> None:
    for model, value in ((OneWay, OneWay(id=4711)), (Bounded, changed(Bounded(id=1), id=-4711))):
        codec: DataCodec[Any] = DataCodec(model)
        with pytest.raises(DataUnfit) as caught:
            codec.encode(value)
        assert "4711" not in caught.value.problem
