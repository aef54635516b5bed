"""A run: all sidecars and services of a plan, from start to the last process.

    state     what runs                         until                               next
    --------  --------------------------------  ----------------------------------  --------
    starting  the sidecars                      the API of each of them answers     serving
    serving   services too, not all are ready   those started here get events       ready
    ready     everything                        all services are done               stopping
    any       as it was                         a signal, a failure, no reader      stopping
    stopping  services end, then the sidecars   nothing is left                     stopped
    stopping  each is killed                    nothing is left (a second signal)   stopped

The task of `_Run` holds all of it: to stop is to cancel that task, and each scope ends what it has started.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from outboard.clock import Clock
from outboard.host.stop_requests import on_stop_request
from outboard.run.app_processes import AppProcesses
from outboard.run.app_sidecars import AppSidecars
from outboard.run.applying import Applying
from outboard.run.current_run import CurrentRun
from outboard.run.dashboard_program import RunDashboard
from outboard.run.output.events import Report, RunStopped
from outboard.run.output.logs import SidecarLogs
from outboard.run.plan.plan import RunPlan
from outboard.run.reloading import Planning
from outboard.run.run_end import RunEnd, cause_of
from outboard.run.sidecars.port import ServeSidecar
from outboard.run.topology import Announcement, tell_untaken
from outboard.tasks import background_tasks

__all__ = ["run_plan"]


async def run_plan(
    plan: RunPlan, report: Report, serve: ServeSidecar, clock: Clock, planning: Planning,
    dashboard: RunDashboard | None = None, folder: Path | None = None,
) -> None:  # fmt: skip
    """Run `plan` until it is done, or until a signal asks to stop: then everything ends, within seconds.

    By `planning` the plan is made again where it has to be: where a port is lost, and for changed files. The
    `dashboard` is served from `ready` on. `folder` is where the run is recorded, and where others may ask for
    the restart of an app.

    A second signal ends it at once. Raises ServiceDied naming the service where one ends by itself, and
    OutboardError of other kinds where something cannot start; nothing runs any more then either.
    """
    end = RunEnd(report)
    logs = SidecarLogs(end.report, clock)
    run = _Run(CurrentRun(plan, planning, end.report, clock, folder), serve, logs, dashboard)
    with (
        logs.taken(),
        on_stop_request(lambda reason: run.hasten() if end.requested else end.request(reason)),
    ):
        try:
            end.task = asyncio.ensure_future(run.until_done())
            await end.task
        except asyncio.CancelledError:
            if not end.requested:
                raise
        except BaseExceptionGroup as group:
            raise cause_of(group) from group
        finally:
            end.report(RunStopped())
    if end.failure is not None:
        raise end.failure


class _Run:
    def __init__(
        self, state: CurrentRun, serve: ServeSidecar, logs: SidecarLogs, dashboard: RunDashboard | None
    ) -> None:
        self._state = state
        self._dashboard = dashboard
        self._sidecars = AppSidecars(state, serve, logs)
        self._processes = AppProcesses(state)
        self._announcement = Announcement(state.apps, state.report)

    def hasten(self) -> None:
        """End at once what is ending gracefully."""
        self._state.hurry.set()
        for app in self._state.apps:
            app.ask_sidecar_to_end()

    async def until_done(self) -> None:
        """The sidecars around the services: these may publish to the very end."""
        apps = self._state.apps
        async with asyncio.TaskGroup() as group:
            for app in apps:
                app.begin_sidecar(group, self._sidecars.serve(app))
            for app in apps:
                await app.status.listening.wait()  # an app may publish with its first line
            await self._run_services(group)
            for app in apps:
                app.ask_sidecar_to_end()

    async def _run_services(self, sidecars: asyncio.TaskGroup) -> None:
        """Until all are done; an app that somebody else starts has no end that could be seen."""
        state = self._state
        beside = [tell_untaken(lambda: state.statuses, state.published, state.report)]
        if not state.planning.reload:
            beside.append(self._announcement.tell())
        if self._dashboard is not None:
            ready = self._announcement.ready
            beside.append(self._dashboard.serve(ready, state.report, state.hurry, state.clock))
        async with background_tasks(*beside), asyncio.TaskGroup() as services:
            if self._dashboard is not None:
                await self._dashboard.until_up()
            for app in state.apps:
                self._processes.begin(app, services)
            if state.planning.reload:
                applying = Applying(state, self._sidecars, self._processes, self._announcement)
                await applying.changes(sidecars, services)
            if not all(app.plan.started_here for app in state.apps):
                await asyncio.Event().wait()
        if self._processes.died:
            raise self._processes.died[0]
