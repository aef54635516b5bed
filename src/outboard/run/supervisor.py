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
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Final

from outboard.clock import Clock
from outboard.errors import OutboardError, ServiceDied
from outboard.run.availability import AppAvailability, keep_watch
from outboard.run.output.events import (
    AppEndpoint,
    AppFound,
    Attach,
    Ready,
    Report,
    RunEvent,
    RunStopped,
    RunStopping,
    SlowStart,
    Topology,
)
from outboard.run.output.logs import sidecar_logs
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.service import Service
from outboard.run.sidecars.port import Published, ServeSidecar, SidecarStatus
from outboard.run.signals import on_stop_request
from outboard.run.topology import tell_problems, tell_untaken
from outboard.tasks import background_tasks

__all__ = ["run_plan"]

SLOW: Final = 10.0
"""Seconds after which a person is asked why an app does not answer."""


async def run_plan(plan: RunPlan, report: Report, serve: ServeSidecar, clock: Clock) -> None:
    """Run `plan` until it is done, or until a signal asks to stop: then everything ends, within seconds.

    A second signal ends it at once. Raises ServiceDied naming the service where one ends by itself, and
    OutboardError of other kinds where something cannot start; nothing runs any more then either.
    """
    stop = _Stop(report)
    run = _Run(plan, stop.report, serve, clock)
    logs = sidecar_logs(plan.apps if plan.daprd is None else (), stop.report, clock.now())
    with logs, on_stop_request(lambda reason: run.hasten() if stop.requested else stop.request(reason)):
        try:
            stop.task = asyncio.ensure_future(run.until_done())
            await stop.task
        except asyncio.CancelledError:
            if not stop.requested:
                raise
        except BaseExceptionGroup as group:
            raise _cause(group) from group
        finally:
            stop.report(RunStopped())
    if stop.failure is not None:
        raise stop.failure


class _Stop:
    """The end of a run on request, or because nobody reads its output any more."""

    def __init__(self, report: Report) -> None:
        self.task: asyncio.Future[None] | None = None
        self.requested = False
        self.failure: OSError | None = None
        self._report = report

    def request(self, reason: str) -> None:
        self.requested = True
        self.report(RunStopping(reason))
        if self.task is not None:
            self.task.cancel()

    def report(self, event: RunEvent) -> None:
        """Report, until that fails once: an error here must not break into whoever writes a line."""
        if self.failure is not None:
            return
        try:
            self._report(event)
        except OSError as error:
            self.failure = error
            self.request("the output cannot be written")


@dataclass(frozen=True, slots=True)
class _App:
    plan: AppPlan
    availability: AppAvailability | None
    status: SidecarStatus


class _Run:
    def __init__(self, plan: RunPlan, report: Report, serve: ServeSidecar, clock: Clock) -> None:
        self._hurry = asyncio.Event()
        self._published = asyncio.Queue[Published]()
        self._apps = [
            _App(app, _availability(app), SidecarStatus(published=self._published)) for app in plan.apps
        ]
        self._sidecars: list[asyncio.Task[None]] = []
        self._died: list[ServiceDied] = []
        self._report = report
        self._serve = serve
        self._clock = clock

    def hasten(self) -> None:
        """End at once what is ending gracefully."""
        self._hurry.set()
        for sidecar in self._sidecars:
            sidecar.cancel()

    async def until_done(self) -> None:
        """The sidecars around the services: these may publish to the very end."""
        async with asyncio.TaskGroup() as group:
            for app in self._apps:
                self._sidecars.append(
                    group.create_task(self._serve(app.plan, app.availability, app.status, self._report))
                )
            for app in self._apps:
                await app.status.listening.wait()  # an app may publish with its first line
            await self._run_services()
            for sidecar in self._sidecars:
                sidecar.cancel()

    async def _run_services(self) -> None:
        """Until all are done; an app that somebody else starts has no end that could be seen."""
        here = [app for app in self._apps if app.plan.started_here]
        async with background_tasks(*self._beside_services()), asyncio.TaskGroup() as services:
            for app in here:
                service = Service(app.plan, self._report, self._clock, self._hurry, app.availability)
                services.create_task(self._run_service(service))
            if len(here) < len(self._apps):
                await asyncio.Event().wait()
        if self._died:
            raise self._died[0]

    async def _run_service(self, service: Service) -> None:
        """With `keep_going` the death of one is told at the end of all."""
        try:
            await service.run()
        except ServiceDied as error:
            if not service.plan.keep_going:
                raise
            self._died.append(error)

    def _beside_services(self) -> Iterable[Coroutine[None, None, None]]:
        yield self._announce()
        yield tell_untaken([app.status for app in self._apps], self._published, self._report)
        for app in self._apps:
            yield self._wait_for(app) if app.plan.attached else self._remind(app)

    async def _remind(self, app: _App) -> None:
        """Ask a person to look, where an app takes long to open its port."""
        await self._clock.sleep(SLOW)
        if not app.status.ready.is_set():
            self._report(SlowStart(app.plan.app_id, app.plan.app_port, SLOW))

    async def _announce(self) -> None:
        """Say so once every app that is started here gets its events; what gets none stands last."""
        for app in self._apps:
            if not app.plan.attached:
                await app.status.ready.wait()
        known = [app.status.topology.result() for app in self._apps if app.status.topology.done()]
        later = [app.status.topology for app in self._apps if not app.status.topology.done()]
        for topology in known:
            self._report(topology)
        missing = sum(len(topology.not_taken) for topology in known)
        self._report(Ready(tuple(_endpoint(app.plan) for app in self._apps), missing))
        for topology in known:
            tell_problems(topology, self._report)
        await asyncio.gather(*(self._tell_later(topology) for topology in later))

    async def _tell_later(self, awaited: asyncio.Future[Topology]) -> None:
        """Of an app that is waited for, or that is not well yet."""
        topology = await asyncio.shield(awaited)
        self._report(topology)
        tell_problems(topology, self._report)

    async def _wait_for(self, app: _App) -> None:
        """Tell how to start an attached app, and each time it has been."""
        plan = app.plan
        self._report(
            Attach(plan.app_id, plan.app_port, str(plan.directory), plan.command, plan.added_environment)
        )
        if app.availability is not None:
            found = AppFound(plan.app_id, plan.app_port)
            await keep_watch(app.availability, self._clock, lambda: self._report(found))


def _availability(app: AppPlan) -> AppAvailability | None:
    return AppAvailability(app.app_host, app.app_port) if app.may_restart and app.app_port else None


def _endpoint(app: AppPlan) -> AppEndpoint:
    scheme = "https" if app.variables.get("APP_PROTOCOL") == "https" else "http"
    app_url = f"{scheme}://localhost:{app.app_port}" if app.app_port else ""
    return AppEndpoint(app.app_id, app_url, f"http://localhost:{app.http_port}")


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show of those that happened together: one of ours, if there is one."""
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, OutboardError)), leaves[0])


def _leaves(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
