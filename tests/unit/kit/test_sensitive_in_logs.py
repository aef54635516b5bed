"""What an app's own log tells of events that were not handled: nothing that their model calls `Sensitive`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, field_validator

from outboard import Drop, Event, Outboard, Sensitive
from support.bulk import bulk_entry, deliver_bulk
from support.letters import deliver
from support.serving import Serving

pytestmark = pytest.mark.anyio

EMAIL = "ada.lovelace@example.org"
NOTE = 'it\'s "urgent"\nand rather a long text, of which pydantic leaves out the middle, ü'


class Order(BaseModel):
    number: int
    email: Annotated[str, Sensitive()]
    note: Annotated[str, Sensitive()] = NOTE

    @field_validator("number")
    @classmethod
    def _known(cls, number: int) -> int:
        if number == 404:
            raise RuntimeError("no such number, of " + EMAIL)
        return number


class Invoice(BaseModel):
    email: int
    note: int
    number: str


def quotes_its_model(order: Order) -> None:
    raise LookupError(f"nothing is known of {order!r}")


def fails_at_another_model(order: Order) -> None:
    Invoice.model_validate(order.model_dump())


def fails_for_a_reason(order: Order) -> None:
    accounts: dict[str, int] = {}
    try:
        accounts[order.email]
    except KeyError as error:
        raise RuntimeError("the account could not be found") from error


def drops(order: Order) -> None:
    raise Drop(f"{order.email} is unknown")


Failing = Callable[[Order], None]
WAYS: list[Failing] = [quotes_its_model, fails_at_another_model, fails_for_a_reason, drops]


def app_that(board: Outboard, fail: Failing, **options: Any) -> FastAPI:
    orders = board.topic("orders", Order)

    @orders.subscribe("/one", bulk=True, **options)
    async def one(event: Event[Order]) -> None:
        fail(event.data)

    @board.topic("others", Order).subscribe_batch("/many", **options)
    async def many(events: Sequence[Event[Order]]) -> None:
        fail(events[0].data)

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


def assert_masked(log: str) -> None:
    for part in (EMAIL, "ada.", ".org", "urgent", "middle", "rather a long"):
        assert part not in log, log
    assert "***" in log


@pytest.mark.parametrize("options", [{}, {"on_invalid": "drop"}, {"dead_letter": "orders-dead"}])
@pytest.mark.parametrize("fail", WAYS)
@pytest.mark.parametrize("path", ["/one", "/many"])
async def test_what_a_handler_raises_is_told_without_what_is_sensitive(
    board: Outboard,
    serving: Serving,
    envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    fail: Failing,
    path: str,
    options: dict[str, Any],
) -> None:
    events = [{**envelope, "id": f"e{n}", "data": {"number": n, "email": EMAIL}} for n in range(2)]
    async with serving(app_that(board, fail, **options), board) as client:
        if path == "/one":
            await deliver(client, events[0], path)
        await deliver_bulk(client, path, [bulk_entry(str(n), each) for n, each in enumerate(events)])
    assert_masked(caplog.text)
    if fail is not drops:
        assert "Traceback" in caplog.text
        assert f"in {fail.__name__}" in caplog.text


async def test_so_is_what_a_validator_raises(
    board: Outboard, serving: Serving, envelope: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The data is of no model then: what is sensitive is known by its name."""
    event = {**envelope, "data": {"number": 404, "email": EMAIL}}
    async with serving(app_that(board, quotes_its_model), board) as client:
        assert await deliver(client, event, "/one") == "RETRY"
    assert "no such number, of ***" in caplog.text
    assert EMAIL not in caplog.text


async def test_an_error_that_quotes_nothing_is_given_to_the_log_itself(
    board: Outboard, serving: Serving, envelope: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """So that who takes logs apart, as Sentry does, has it."""

    def fail(order: Order) -> None:
        raise LookupError(f"no order {order.number}")

    event = {**envelope, "data": {"number": 7, "email": EMAIL}}
    async with serving(app_that(board, fail), board) as client:
        assert await deliver(client, event, "/one") == "RETRY"
    (record,) = [each for each in caplog.records if each.name == "outboard.subscriptions"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
