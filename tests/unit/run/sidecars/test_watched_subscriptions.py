"""An app beside a daprd that subscribes to something else after a restart."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from outboard.run.availability import AppAvailability
from outboard.run.output.events import RunEvent, SubscriptionsChanged
from outboard.run.plan.plan import AppPlan
from outboard.run.sidecars import daprd_probe
from outboard.run.sidecars.daprd_probe import watch_subscriptions
from support.listing_app import listing
from support.waiting import until

pytestmark = pytest.mark.anyio


def plan_of(port: int) -> AppPlan:
    variables = {"APP_PROTOCOL": "grpc"}
    return AppPlan("api", Path(), (), port, "127.0.0.1", 3500, 50001, (), "dapr.yaml:3", variables)


class Listed:
    """What an app answers, how often it was asked, and what was reported of it."""

    def __init__(self) -> None:
        self.answer = b""
        self.asked = 0
        self.told: list[RunEvent] = []
        self.availability = AppAvailability("127.0.0.1", 1)

    def __call__(self) -> bytes:
        self.asked += 1
        return self.answer

    async def restart_until_told(self) -> None:
        async with asyncio.timeout(60):
            while not self.told:
                self.availability.lost()
                await asyncio.sleep(0.01)
                self.availability.found()
                await asyncio.sleep(0.01)


async def test_an_app_over_grpc_is_asked_again_after_a_restart() -> None:
    app = Listed()
    async with listing(app) as port:
        watch = asyncio.ensure_future(watch_subscriptions(plan_of(port), app.availability, app.told.append))
        await asyncio.sleep(0)
        assert not app.asked  # it is not there yet
        app.availability.found()
        await until(lambda: app.asked == 1)
        app.answer = b"\n\x04\n\x02ps"
        await app.restart_until_told()
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    assert app.told == [SubscriptionsChanged("api")]


async def test_without_the_library_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daprd_probe, "is_grpc_installed", lambda: False)
    app = Listed()
    async with listing(app) as port:
        app.availability.found()
        await watch_subscriptions(plan_of(port), app.availability, app.told.append)
    assert (app.asked, app.told) == (0, [])
