"""A handler whose `Event[...]` says what its topic never has is refused where it is declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from outboard import Event, Outboard
from outboard.errors import HandlerUnsuitable
from outboard.kit.subscriptions.data_types import misfit

T = TypeVar("T")


class Order(BaseModel):
    kind: Literal["order"] = "order"


class Gift(Order):
    card: str = ""


class Refund(BaseModel):
    kind: Literal["refund"] = "refund"


class Box(BaseModel, Generic[T]):
    inside: T


class Small(TypedDict):
    id: int


FITS: list[tuple[Any, Any]] = [
    (Event[Order], Order),
    (Event, Order),
    (Event[Any], Order),
    (Event[object], Order),
    (Event[BaseModel], Order),
    (Event[Order], Gift),
    (Event[Order | Refund], Order),
    (Event[Refund | Order], Order | Refund),
    (Event[BaseModel], Order | Refund),
    (Annotated[Event[Order], "noted"], Order),
    (Event[Order | Refund], Annotated[Order | Refund, Field(discriminator="kind")]),
    (Event[dict[str, Any]], dict[str, int]),
    (Event[float], int),
    (Event[Box[Any]], Box[int]),
    (Event[Small], dict[str, int]),
    (Event[Literal["a"]], str),
    (Event[dict[str, Any]], object),
    (Event[list[int] | None], object),
    (Event[Small], Any),
    (Event[T], Order),  # type: ignore[valid-type]
]


@pytest.mark.parametrize(("annotation", "model"), FITS)
def test_a_handler_may_take_what_its_topic_has(annotation: Any, model: Any) -> None:
    assert misfit(annotation, model, is_matched=False) is None


@pytest.mark.parametrize(
    ("annotation", "model", "given"),
    [
        (Event[Refund], Order, "Event[Order]"),
        (Event[Gift], Order, "Event[Order]"),
        (Event[Refund | str], Order, "Event[Order]"),
        (Event[dict[str, Any]], Order, "Event[Order]"),
        (Event[str], int, "Event[int]"),
        (Event[None], Order, "Event[Order]"),
        (Event[Order], object, "what JSON holds"),
        (Event[Order | Refund], Any, "what JSON holds"),
        (Event[Order], Order | Refund, "Order | tests.unit.kit.test_data_types.Refund"),
    ],
)
def test_and_not_what_it_never_has(annotation: Any, model: Any, given: str) -> None:
    found = misfit(annotation, model, is_matched=False)
    assert found is not None
    assert given in found.given


def test_a_rule_may_choose_among_the_types_of_a_topic() -> None:
    assert misfit(Event[Order], Order | Refund, is_matched=True) is None
    assert misfit(Event[Box[int]], Order | Refund, is_matched=True) is not None


async def of_refund(event: Event[Refund]) -> None: ...


async def of_refunds(events: Sequence[Event[Refund]]) -> None: ...


def test_it_is_refused_where_it_is_declared(board: Outboard) -> None:
    orders: Any = board.topic("orders", Order)
    with pytest.raises(HandlerUnsuitable) as caught:
        orders.subscribe("/refund")(of_refund)
    assert "of_refund (" in str(caught.value)
    assert "takes Event[Refund], but is given Event[Order] by its topic" in str(caught.value)
    with pytest.raises(HandlerUnsuitable, match=r"takes Event\[Refund\]"):
        orders.subscribe_batch("/refunds")(of_refunds)
    untyped: Any = board.topic("anything")
    with pytest.raises(HandlerUnsuitable, match=r"board\.topic\(name, Refund\)"):
        untyped.subscribe("/refund")(of_refund)
    both: Any = board.topic("both", Order | Refund)
    both.subscribe("/refund", match='event.data.kind == "refund"')(of_refund)
