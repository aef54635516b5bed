from __future__ import annotations

import pytest

from outboard.errors import SidecarUnavailable
from outboard.kit.client.retrying import RequestRetries, retry_delay
from outboard.wire.http import ExchangeFailed, Request, Response
from support.scripted import FakeClock, ScriptedExchange

REQUEST = Request("POST", "/v1.0/publish/p/t")
REFUSED = ExchangeFailed("connection refused", sent=False)
DROPPED = ExchangeFailed("server disconnected", dropped=True)
BROKEN = ExchangeFailed("connection reset")

pytestmark = pytest.mark.anyio


@pytest.fixture
def retries(exchange: ScriptedExchange, clock: FakeClock) -> RequestRetries:
    return RequestRetries(exchange, "http://sidecar", clock, lambda: 0.999)


async def send(retries: RequestRetries, *, repeatable: bool = True) -> Response:
    return await retries.send(REQUEST, "publishing", 5.0, repeatable=repeatable)


async def test_a_sidecar_that_comes_later_is_waited_for(
    retries: RequestRetries, exchange: ScriptedExchange, clock: FakeClock
) -> None:
    exchange.answers.extend([REFUSED] * 4 + [Response(204)])
    assert (await send(retries)).status == 204
    assert len(exchange.requests) == 5
    assert len(clock.slept) == 4
    assert clock.slept == sorted(clock.slept)


async def test_waiting_ends_with_the_time_that_the_author_set(
    retries: RequestRetries, exchange: ScriptedExchange, clock: FakeClock
) -> None:
    exchange.answers.extend([REFUSED] * 1000)
    with pytest.raises(SidecarUnavailable) as caught:
        await send(retries)
    assert clock.monotonic() <= 5.0
    assert caught.value.waited <= 5.0
    assert caught.value.reason == "connection refused"
    assert "publishing may not have happened" in str(caught.value)


async def test_each_attempt_has_only_the_time_that_is_left(
    retries: RequestRetries, exchange: ScriptedExchange, clock: FakeClock
) -> None:
    exchange.answers.extend([REFUSED] * 3)
    await send(retries)
    expected = [5.0 - sum(clock.slept[:attempt]) for attempt in range(4)]
    assert exchange.timeouts == pytest.approx(expected)


async def test_what_may_have_arrived_is_not_sent_again(
    retries: RequestRetries, exchange: ScriptedExchange
) -> None:
    exchange.answers.append(BROKEN)
    with pytest.raises(SidecarUnavailable):
        await send(retries)
    assert len(exchange.requests) == 1


async def test_a_dropped_connection_is_tried_again_only_where_that_does_no_harm(
    retries: RequestRetries, exchange: ScriptedExchange
) -> None:
    exchange.answers.extend([DROPPED, Response(204), DROPPED])
    assert (await send(retries)).status == 204
    with pytest.raises(SidecarUnavailable):
        await send(retries, repeatable=False)
    assert len(exchange.requests) == 3


def test_delays_grow_to_a_bound_and_are_spread() -> None:
    assert [retry_delay(attempt, 1.0) for attempt in (1, 2, 3)] == [0.05, 0.1, 0.2]
    assert retry_delay(1000, 1.0) == 1.0
    assert retry_delay(1000, 0.0) == 0.5
