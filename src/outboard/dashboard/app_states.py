"""What there is of each app now: its process and its ports, and what its sidecar says of both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from outboard.clock import Clock
from outboard.dashboard.recent import Recent
from outboard.dashboard.views.app_state import AppOfRun, AppState
from outboard.dashboard.watching import Watch
from outboard.host.listening import is_listening
from outboard.live.asking import reached, wirings
from outboard.live.places import AppPlace
from outboard.live.wiring import AppWiring
from outboard.runs.finding import KnownRun
from outboard.wire.dapr import HEALTH_PATH
from outboard.wire.http import ExchangeFailed, Request

__all__ = ["AppStates"]

KEPT: Final = 0.8
"""Seconds for which what was seen counts."""
TIMEOUT: Final = 2.0


class AppStates:
    """Of all apps of the runs that are looked at, those that have ended too."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._watch = watch
        self._recent: Recent[Sequence[AppState]] = Recent(clock, KEPT, self._look)

    async def get(self) -> Sequence[AppState]:
        """As it was a moment ago, at most. Raises CommandError, OSError."""
        await self._watch.refresh()
        return await self._recent.get()

    async def _look(self) -> Sequence[AppState]:
        watch, found = self._watch, list[AppState]()
        for run in watch.runs:
            if not run.is_live:
                found += [
                    AppState(AppWiring(app.app_id), app=_written(app.app_id, run)) for app in run.record.apps
                ]
                continue
            places = await asyncio.to_thread(watch.places_of, run)
            found += await self._of_places(places, run)
        found += await self._of_places(watch.joined(), None)
        return found

    async def _of_places(self, places: Sequence[AppPlace], run: KnownRun | None) -> list[AppState]:
        told, health = await asyncio.gather(wirings(places), asyncio.gather(*map(_health, places)))
        states = [
            AppState(wiring, place.endpoint, problem, _written(place.app_id, run))
            for place, wiring, problem in zip(places, told, health, strict=True)
        ]
        return list(await asyncio.gather(*map(_with_port, states)))


def _written(app_id: str, run: KnownRun | None) -> AppOfRun | None:
    """What its run has written of it; None where no run has started it."""
    app = run.record.app(app_id) if run is not None else None
    if run is None or app is None:
        return None
    record = run.record
    return AppOfRun(
        app.app_id, record.run_id, run.state.value, record.engine, record.started, app.directory,
        app.app_protocol, app.app_host, app.app_port, app.http_port, app.grpc_port, app.metrics_port,
        app.pid, app.attached, app.reload, app.exit_code,
    )  # fmt: skip


async def _health(place: AppPlace) -> str:
    """What its sidecar answers to the question whether it is well; empty where it is."""
    async with reached(place) as exchange:
        try:
            response = await exchange(Request("GET", HEALTH_PATH, {}), TIMEOUT)
        except ExchangeFailed as failure:
            return str(failure)
    return "" if response.ok else f"it answers HTTP {response.status}"


async def _with_port(state: AppState) -> AppState:
    app = state.app
    if app is None or not app.app_port:
        return state
    return replace(state, listening=await is_listening(app.host, app.app_port))
