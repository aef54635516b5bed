"""Subscriptions of an app that has been away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from outboard.run.availability import AppAvailability
from outboard.run.sidecars.subscription_changes import SubscriptionMonitor
from outboard.wire.dapr import LIST_SUBSCRIPTIONS, SUBSCRIBE_PATH
from outboard.wire.http import ExchangeFailed, Request, Response

pytestmark = pytest.mark.anyio

ASK = Request("GET", SUBSCRIBE_PATH, {"dapr-api-token": "secret"})


class App:
    """Answers each request with what stands in `answer`; fails where that is None."""

    def __init__(self) -> None:
        self.answer: Response | None = Response(200, body=b"[1]")
        self.asked: list[Request] = []

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.asked.append(request)
        if self.answer is None:
            raise ExchangeFailed("gone")
        return self.answer


class Watched:
    def __init__(self) -> None:
        self.app = App()
        self.availability = AppAvailability("127.0.0.1", 1)
        self.changes = 0

    def changed(self) -> None:
        self.changes += 1

    async def restart(self, answer: Response | None) -> None:
        self.availability.lost()
        await self.turns()
        self.app.answer = answer
        self.availability.found()
        await self.turns()

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    @asynccontextmanager
    async def watching(self, asked: Request | None = ASK) -> AsyncIterator[None]:
        self.availability.found()
        exchange = SubscriptionMonitor(self.app)
        if asked is not None:
            await exchange(asked, None)
        watch = asyncio.ensure_future(exchange.watch(self.availability, self.changed))
        await self.turns()
        yield
        watch.cancel()


async def test_other_subscriptions_are_told_once() -> None:
    watched = Watched()
    async with watched.watching():
        await watched.restart(Response(200, body=b"[1, 2]"))
        await watched.restart(Response(200, body=b"[1, 2]"))
    assert watched.changes == 1
    assert set(map(id, watched.app.asked)) == {id(ASK)}  # with the token of the first


async def test_other_subscriptions_of_an_app_over_grpc_are_told() -> None:
    watched = Watched()
    async with watched.watching(Request("POST", LIST_SUBSCRIPTIONS)):
        await watched.restart(Response(200, body=b"\n\x01"))
    assert watched.changes == 1


@pytest.mark.parametrize("answer", [Response(200, body=b"[1]"), Response(503, body=b"starting"), None])
async def test_the_same_or_no_answer_is_no_change(answer: Response | None) -> None:
    watched = Watched()
    async with watched.watching():
        await watched.restart(answer)
    assert watched.changes == 0
    assert len(watched.app.asked) == 2


async def test_a_failing_restart_in_between_changes_nothing() -> None:
    watched = Watched()
    async with watched.watching():
        await watched.restart(Response(503, body=b"starting"))
        await watched.restart(Response(200, body=b"[1]"))
        assert watched.changes == 0
        await watched.restart(Response(200, body=b"[2]"))
    assert watched.changes == 1


async def test_an_app_that_was_never_asked_is_not_asked() -> None:
    watched = Watched()
    async with watched.watching(None):
        await watched.restart(Response(200, body=b"[]"))
    assert watched.app.asked == []


async def test_the_end_of_the_run_ends_the_wait_for_an_app_that_is_away() -> None:
    availability = AppAvailability("127.0.0.1", 1)
    watch = asyncio.ensure_future(SubscriptionMonitor(App()).watch(availability, lambda: None))
    await asyncio.sleep(0)
    availability.give_up()
    await watch
