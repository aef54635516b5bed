from __future__ import annotations

import asyncio
from itertools import chain, repeat

import pytest

from outboard.resources.loader import Resources
from outboard.sidecar.channel.health import AppHealth, AppHealthOptions, HealthState, probe_forever
from outboard.sidecar.logs import SidecarLog
from outboard.wire.http import Response
from support.sidecars import AutojumpClock, Hops, ScriptedApp, component, sidecar_for


def states(*probes: bool, threshold: int = 3) -> list[bool]:
    state, seen = HealthState(threshold), []
    for probe in probes:
        state = state.after(probe)
        seen.append(state.healthy)
    return seen


def test_it_starts_unwell_and_one_success_makes_it_well() -> None:
    assert not HealthState(3).healthy
    assert states(False, True) == [False, True]


def test_only_failures_in_a_row_make_it_unwell() -> None:
    assert states(True, False, False, True, False, False, False) == [
        True,
        True,
        True,
        True,
        True,
        True,
        False,
    ]


def test_threshold_one() -> None:
    assert states(True, False, True, threshold=1) == [True, False, True]


@pytest.mark.anyio
async def test_the_edges_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answers = chain(["refused", "", "", "slow", "slow"], repeat("slow"))
    clock, health = AutojumpClock(), AppHealth(healthy=False)

    async def probe(path: str, timeout: float) -> str:
        assert (path, timeout) == ("/healthz", 0.5)
        return next(answers)

    options = AppHealthOptions(threshold=2)
    task = asyncio.create_task(probe_forever(probe, options, health, clock, SidecarLog("a", "info", "v")))
    await health.becomes(True)
    await health.becomes(False)
    task.cancel()
    assert [record.message for record in caplog.records] == [
        "App entered healthy status",
        "App entered un-healthy status: slow",
    ]
    assert clock.slept[:2] == [5.0, 5.0]


@pytest.mark.anyio
async def test_an_unwell_app_gets_nothing_until_it_is_well_again() -> None:
    app = ScriptedApp([{"pubsubname": "ps", "topic": "t", "route": "/t"}])
    app.answer("/healthz", *[Response(503)] * 3, Response(200), *[Response(503)] * 3)
    health = AppHealthOptions(threshold=1)
    sidecar = sidecar_for(app, Resources((component("ps", "pubsub.in-memory"),)), Hops(), app_health=health)
    async with sidecar.running():  # ready although the app is not well
        assert not app.sent_to("/dapr/subscribe")
        for _ in range(200):
            await asyncio.sleep(0)
        asked = [request.target for request in app.requests if request.target != "/healthz"]
    assert asked == ["/dapr/config", "/dapr/subscribe"], "the app is asked once, when it is well first"
