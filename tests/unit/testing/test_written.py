"""Values as Python that makes them again, in a namespace with nothing but what the text imports."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from pydantic import BaseModel, ConfigDict, Field

from outboard.testing.written import imported, written


class Colour(Enum):
    RED = "r"


class Right(Flag):
    READ = 1
    WRITE = 2


class Line(BaseModel):
    sku: str
    colour: Colour = Colour.RED


class Order(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: UUID
    at: datetime
    lines: list[Line]
    price: Decimal = Field(alias="unit-price")
    customer: str = Field(alias="customerName")

    class Inner(BaseModel):
        wait: timedelta


@dataclass
class Place:
    x: float
    doubled: float = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.doubled = 2 * self.x


VALUES: list[object] = [
    None,
    True,
    -1,
    1.5,
    "it's",
    b"\x00",
    Colour.RED,
    Right.READ | Right.WRITE,
    [],
    (),
    (1,),
    (1, "a"),
    set(),
    {Colour.RED},
    frozenset({1}),
    {"a": [Line(sku="x")], Colour.RED: None},
    date(2026, 1, 2),
    datetime(2026, 1, 2, tzinfo=UTC),
    timedelta(days=1),
    UUID(int=7),
    Decimal("1.50"),
    math.inf,
    Place(1.5),
    Order.Inner(wait=timedelta(1)),
    Order.model_validate(
        {
            "id": UUID(int=1),
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "lines": [Line(sku="a"), Line(sku="b")],
            "unit-price": Decimal(2),
            "customerName": "Ada",
            "more": [1],
        }
    ),
]


def test_a_time_zone_by_its_name() -> None:
    try:
        zone = ZoneInfo("UTC")
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zones")
    test_the_text_makes_the_value_again(datetime(2026, 1, 2, tzinfo=zone))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_text_makes_the_value_again(value: object) -> None:
    found = written(value)
    mine = f"from {__name__} import "
    namespace: dict[str, object] = {}
    for line in sorted(found.imports):
        if line.startswith(mine):  # pytest may have imported this module under a name of its own
            name = line.removeprefix(mine)
            namespace[name] = globals()[name]
        else:
            exec(line, namespace)
    again = eval(found.text, namespace)
    assert again == value
    assert type(again) is type(value)


def test_what_is_not_imported() -> None:
    class Local(BaseModel):
        number: int

    assert written(Local(number=1)).text == "Local(number=1)"
    assert imported(Local) == imported(int) == ""


def test_a_value_whose_repr_is_no_python_is_shown() -> None:
    value = object()
    assert written(value).text == repr(value)
