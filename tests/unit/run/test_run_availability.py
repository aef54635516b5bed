"""Requests to an app that goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from outboard.run.availability import AppAvailability, WaitingExchange
from outboard.wire.http import ExchangeFailed, Request, Response

pytestmark = pytest.mark.anyio

EVENT = Request("POST", "/events", body=b"{}")
OK = Response(200)


class App:
    """An app of which each test says what it does with a request."""

    def __init__(self, *steps: Callable[[], Response]) -> None:
        self._steps = list(steps)
        self.timeouts: list[float | None] = []

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.timeouts.append(timeout)
        return self._steps.pop(0)()


def gone(availability: AppAvailability, *, sent: bool) -> Callable[[], Response]:
    def fail() -> Response:
        raise ExchangeFailed("connection lost", sent=sent)

    return fail


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def availability() -> AppAvailability:
    return AppAvailability("127.0.0.1", 1)  # nothing listens there


async def test_a_request_waits_until_the_app_is_there(availability: AppAvailability) -> None:
    app = App(lambda: OK)
    request = asyncio.ensure_future(WaitingExchange(app, availability)(EVENT, 1.0))
    await turns()
    assert not app.timeouts
    availability.found()
    assert await request is OK


async def test_there_is_no_limit_to_the_time_at_a_breakpoint(availability: AppAvailability) -> None:
    app = App(lambda: OK)
    availability.found()
    await WaitingExchange(app, availability)(EVENT, 1.0)
    assert app.timeouts == [None]


@pytest.mark.parametrize("sent", [True, False])
async def test_an_event_that_was_with_the_app_when_it_went_is_given_again(
    availability: AppAvailability, sent: bool
) -> None:
    app = App(gone(availability, sent=sent), lambda: OK)
    availability.found()
    request = asyncio.ensure_future(WaitingExchange(app, availability)(EVENT, None))
    await turns()
    assert not availability.is_there
    assert not request.done()
    availability.found()
    assert await request is OK


async def test_a_failure_of_an_app_that_is_going_away_is_not_an_answer(availability: AppAvailability) -> None:
    def fail_while_stopping() -> Response:
        availability.lost()
        return Response(500)

    app = App(fail_while_stopping, lambda: OK)
    availability.found()
    request = asyncio.ensure_future(WaitingExchange(app, availability)(EVENT, None))
    await turns()
    assert not request.done()
    availability.found()
    assert await request is OK


async def test_a_failure_of_an_app_that_stays_is_its_answer() -> None:
    failure = Response(500)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        availability = AppAvailability("127.0.0.1", server.sockets[0].getsockname()[1])
        availability.found()
        assert await WaitingExchange(App(lambda: failure), availability)(EVENT, None) is failure


@pytest.mark.parametrize("status", [200, 204, 404, 422])
async def test_an_answer_below_500_is_passed_on(availability: AppAvailability, status: int) -> None:
    availability.found()
    response = await WaitingExchange(App(lambda: Response(status)), availability)(EVENT, None)
    assert response.status == status
