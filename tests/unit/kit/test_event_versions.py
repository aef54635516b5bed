"""Topics whose events have versions: what is published says its own, handlers get the newest."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Drop, Event, InvalidCloudEvent, Outboard, Topic
from outboard.errors import ModelUnusable, UpcasterUnsuitable
from outboard.testing import Harness

pytestmark = pytest.mark.anyio

V1, V2 = "urn:shop:order:1", "urn:shop:order:2"


class OrderV1(BaseModel):
    number: int


class Order(BaseModel):
    number: int
    currency: str = "EUR"


@pytest.fixture
def board() -> Outboard:
    return Outboard(app_id="shop", environ={})


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


@pytest.fixture
def orders(board: Outboard) -> Topic[Order]:
    """What the app has today."""
    topic = board.topic("orders", Order, type="order.placed", dataschema=V2)

    @topic.upcast(OrderV1, dataschema=V1)
    def with_currency(old: OrderV1) -> Order:
        if old.number == 0:
            raise Drop("a test order of last year")
        return Order(number=old.number, currency="DEM")

    return topic


@pytest.fixture
def former(board: Outboard) -> Topic[OrderV1]:
    """What it had before."""
    return board.topic("orders", OrderV1, type="order.placed", dataschema=V1)


async def test_what_is_published_says_its_schema(
    outboard: Harness, board: Outboard, app: FastAPI, orders: Topic[Order]
) -> None:
    by_data = board.topic("by-data", Order, dataschema=lambda order: f"urn:{order.currency}")
    async with outboard.serving(app, board):
        assert (await orders.publish(Order(number=1))).dataschema == V2
        assert (await orders.publish(Order(number=1), dataschema="urn:other")).dataschema == "urn:other"
        assert (await by_data.publish(Order(number=1))).dataschema == "urn:EUR"
        assert (await orders.publish_event(Event(data=Order(number=1)))).dataschema == V2
        kept = Event(data=Order(number=1), dataschema="urn:kept")
        assert (await orders.publish_event(kept)).dataschema == "urn:kept"
    as_sent = outboard.published(board.topic("orders"))
    assert [event.dataschema for event in as_sent] == [V2, "urn:other", V2, "urn:kept"]


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_handler_gets_the_newest(
    outboard: Harness,
    board: Outboard,
    app: FastAPI,
    orders: Topic[Order],
    former: Topic[OrderV1],
    bulk: bool,
) -> None:
    got: list[tuple[Order, str | None]] = []

    @orders.subscribe("/orders", bulk=bulk)
    async def on_order(event: Event[Order]) -> None:
        got.append((event.data, event.dataschema))

    async with outboard.serving(app, board):
        await former.publish(OrderV1(number=7), key="a")
        await orders.publish(Order(number=8), key="a")
        await outboard.settled()
    assert got == [(Order(number=7, currency="DEM"), V2), (Order(number=8), V2)]


async def test_a_batch_has_the_newest_alone(
    outboard: Harness, board: Outboard, app: FastAPI, orders: Topic[Order], former: Topic[OrderV1]
) -> None:
    got: list[str] = []

    @orders.subscribe_batch("/orders")
    async def on_orders(events: Sequence[Event[Order]]) -> None:
        got.extend(event.data.currency for event in events)

    async with outboard.serving(app, board):
        for number in range(1, 6):
            await former.publish(OrderV1(number=number), key="a")
        await outboard.settled()
    assert got == ["DEM"] * 5


async def test_a_version_without_an_upcaster_is_a_dead_letter(
    outboard: Harness, board: Outboard, app: FastAPI, orders: Topic[Order], former: Topic[OrderV1]
) -> None:
    got: list[int] = []

    @orders.subscribe("/orders")
    async def on_order(event: Event[Order]) -> None:
        got.append(event.data.number)

    async with outboard.serving(app, board):
        await orders.publish(Order(number=1), dataschema="urn:shop:order:3", id="o1")
        letter = await outboard.dead_lettered(orders)
    assert got == []
    assert letter.reason == (
        "event 'o1' is of a version that cannot be read as Order: it has the dataschema 'urn:shop:order:3', "
        "for which no upcaster stands. Declare one in the app that takes it, `@topic.upcast(OlderModel, "
        "dataschema=...)` or `type=...`, and replay the event."
    )


async def test_an_upcaster_may_drop_an_event(
    outboard: Harness, board: Outboard, app: FastAPI, orders: Topic[Order], former: Topic[OrderV1]
) -> None:
    @orders.subscribe("/orders")
    async def on_order(event: Event[Order]) -> None: ...

    async with outboard.serving(app, board):
        await former.publish(OrderV1(number=0))
        assert (await outboard.dead_lettered(orders)).reason == "a test order of last year"


async def test_a_mistake_in_an_upcaster_is_tried_again(
    outboard: Harness, board: Outboard, app: FastAPI, former: Topic[OrderV1]
) -> None:
    orders = board.topic("orders", Order, dataschema=V2)
    tries: list[int] = []

    @orders.upcast(OrderV1, dataschema=V1)
    def flaky(old: OrderV1) -> Order:
        tries.append(old.number)
        if len(tries) == 1:
            raise LookupError("no such currency")
        return Order(number=old.number)

    @orders.subscribe("/orders")
    async def on_order(event: Event[Order]) -> None: ...

    async with outboard.serving(app, board):
        await former.publish(OrderV1(number=7))
        await outboard.retried(orders)
        assert (await outboard.handled(orders)).data == Order(number=7)


async def test_the_start_refuses_a_way_that_leads_nowhere(board: Outboard, app: FastAPI) -> None:
    orders = board.topic("orders", Order, dataschema=V2)

    @orders.upcast(OrderV1, to=OrderV1, dataschema=V1)
    def nowhere(old: OrderV1) -> OrderV1:
        return old

    @orders.subscribe("/orders")
    async def on_order(event: Event[Order]) -> None: ...

    with pytest.raises(UpcasterUnsuitable, match=r"nowhere \(.+\.py:\d+\) gives OrderV1"):
        async with board.lifespan(app):
            raise AssertionError("it started")


async def test_what_is_wrong_is_said_where_it_stands(board: Outboard) -> None:
    with pytest.raises(InvalidCloudEvent, match="'dataschema' is not an absolute URI"):
        board.topic("orders", Order, dataschema="order/2")
    with pytest.raises(TypeError, match="dataschema has to be a URI"):
        board.topic("orders", Order, dataschema=2)  # type: ignore[call-overload]
    with pytest.raises(ModelUnusable, match="an older version in topic 'orders'"):
        board.topic("orders", Order).upcast("OrderV1", dataschema=V1)
