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
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from outboard.clock import Clock
from outboard.errors import OutboardError, PortTaken, ServiceDied
from outboard.host.stop_requests import on_stop_request
from outboard.run.app_instance import AppInstance
from outboard.run.availability import keep_watch
from outboard.run.output.events import (
    AppFound,
    Attach,
    Note,
    Reloading,
    Report,
    RunEvent,
    RunStopped,
    RunStopping,
    SidecarFailed,
    SlowStart,
    SubscriptionsChanged,
)
from outboard.run.output.logs import SidecarLogs
from outboard.run.plan.plan import RunPlan
from outboard.run.plan.plan_changes import AppChange
from outboard.run.reloading import Planning, ReloadStep, reload_steps
from outboard.run.service import Service
from outboard.run.sidecars.port import Published, ServeSidecar
from outboard.run.source_changes import IsOwn, is_source_of
from outboard.run.topology import Announcement, tell_untaken
from outboard.tasks import background_tasks

__all__ = ["run_plan"]

SLOW: Final = 10.0
"""Seconds after which a person is asked why an app does not answer."""


async def run_plan(
    plan: RunPlan, report: Report, serve: ServeSidecar, clock: Clock, planning: Planning
) -> None:
    """Run `plan` until it is done, or until a signal asks to stop: then everything ends, within seconds.

    By `planning` the plan is made again where it has to be: where a port is lost, and for changed files.

    A second signal ends it at once. Raises ServiceDied naming the service where one ends by itself, and
    OutboardError of other kinds where something cannot start; nothing runs any more then either.
    """
    stop = _Stop(report)
    logs = SidecarLogs(stop.report, clock)
    run = _Run(plan, stop.report, serve, clock, planning, logs)
    with (
        logs.taken(),
        on_stop_request(lambda reason: run.hasten() if stop.requested else stop.request(reason)),
    ):
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


class _Run:
    def __init__(
        self,
        plan: RunPlan,
        report: Report,
        serve: ServeSidecar,
        clock: Clock,
        planning: Planning,
        logs: SidecarLogs,
    ) -> None:
        self._hurry = asyncio.Event()
        self._published = asyncio.Queue[Published]()
        self._steps = asyncio.Queue[ReloadStep]()
        self._plan = plan
        self._apps = [AppInstance(app, self._published) for app in plan.apps]
        self._died: list[ServiceDied] = []
        self._announcement = Announcement(self._apps, report)
        self._lost_ports: frozenset[int] = frozenset()
        self._report = report
        self._serve = serve
        self._clock = clock
        self._planning = planning
        self._logs = logs

    def hasten(self) -> None:
        """End at once what is ending gracefully."""
        self._hurry.set()
        for app in self._apps:
            app.ask_sidecar_to_end()

    async def until_done(self) -> None:
        """The sidecars around the services: these may publish to the very end."""
        async with asyncio.TaskGroup() as group:
            for app in self._apps:
                app.begin_sidecar(group, self._serve_sidecar(app))
            for app in self._apps:
                await app.status.listening.wait()  # an app may publish with its first line
            await self._run_services(group)
            for app in self._apps:
                app.ask_sidecar_to_end()

    async def _run_services(self, sidecars: asyncio.TaskGroup) -> None:
        """Until all are done; an app that somebody else starts has no end that could be seen."""
        beside = [tell_untaken(lambda: [app.status for app in self._apps], self._published, self._report)]
        if not self._planning.reload:
            beside.append(self._announcement.tell())
        async with background_tasks(*beside), asyncio.TaskGroup() as services:
            for app in self._apps:
                self._begin_app(app, services)
            if self._planning.reload:
                await self._reload(sidecars, services)
            if not all(app.plan.started_here for app in self._apps):
                await asyncio.Event().wait()
        if self._died:
            raise self._died[0]

    # One app

    async def _serve_sidecar(self, app: AppInstance) -> None:
        """Serve; where somebody took a port meanwhile that nobody chose, on another one."""
        while True:
            own = self._plan.daprd is None
            try:
                with self._logs.kept(app.plan) if own else nullcontext():
                    return await self._serve(app.plan, app.availability, app.status, self._report_of(app))
            except PortTaken as error:
                if error.port not in app.plan.picked_ports or app.status.listening.is_set():
                    raise
                self._pick_again(app, error)

    def _pick_again(self, app: AppInstance, error: PortTaken) -> None:
        self._lost_ports |= {error.port}
        planned = self._planning.plan_again(self._plan, self._lost_ports)
        again = planned.app(app.plan.app_id)
        if again is None:
            raise error
        self._plan = replace(
            self._plan, apps=tuple(again if each is app.plan else each for each in self._plan.apps)
        )
        app.plan = again
        self._planning.planned(self._plan)
        said = f"port {error.port}, picked for {error.purpose}, has meanwhile been taken by {error.owner}"
        self._report(Note(f"{said}: another one is picked"))

    async def _serve_again(self, app: AppInstance) -> None:
        """A sidecar that does not start after a change waits for the next one."""
        try:
            await self._serve_sidecar(app)
        except OutboardError as error:
            if app.status.ready.is_set():
                raise
            place = str(getattr(error, "path", "")), int(getattr(error, "line", 0))
            self._report(SidecarFailed(app.plan.app_id, str(error), *place))

    def _report_of(self, app: AppInstance) -> Report:
        """Where another answer of the app leads to a restart of its sidecar, where it may be restarted."""
        plan, reason = app.plan, "the app subscribes to something else"

        def report(event: RunEvent) -> None:
            if isinstance(event, SubscriptionsChanged) and self._planning.reload:
                change = AppChange(plan.app_id, plan, plan, ("sidecar",), reason)
                self._steps.put_nowait(ReloadStep(self._plan, (change,)))
            else:
                self._report(event)

        return report

    def _begin_app(self, app: AppInstance, services: asyncio.TaskGroup) -> None:
        if app.plan.attached:
            app.process = services.create_task(self._wait_for(app))
        elif app.plan.started_here:
            app.process = services.create_task(self._run_service(app))
        else:
            app.process = services.create_task(self._remind(app))

    async def _run_service(self, app: AppInstance) -> None:
        """With `keep_going` the death of one is told at the end of all."""
        plan = app.plan
        is_own: IsOwn = lambda path: is_source_of(plan, path, self._plan)  # noqa: E731
        service = Service(plan, self._report, self._clock, self._hurry, app.availability, is_own)
        try:
            async with background_tasks(self._remind(app)):
                await service.run()
        except ServiceDied as error:
            if not plan.keep_going:
                raise
            self._died.append(error)

    async def _remind(self, app: AppInstance) -> None:
        """Ask a person to look, where an app takes long to open its port."""
        await self._clock.sleep(SLOW)
        if not app.status.ready.is_set():
            self._report(SlowStart(app.plan.app_id, app.plan.app_port, SLOW))

    async def _wait_for(self, app: AppInstance) -> None:
        """Tell how to start an attached app, and each time it has been."""
        plan = app.plan
        self._report(
            Attach(plan.app_id, plan.app_port, str(plan.directory), plan.command, plan.added_environment)
        )
        if app.availability is not None:
            found = AppFound(plan.app_id, plan.app_port)
            await keep_watch(app.availability, self._clock, lambda: self._report(found))

    # Reload

    async def _reload(self, sidecars: asyncio.TaskGroup, services: asyncio.TaskGroup) -> None:
        async with background_tasks(self._collect_steps()):
            while True:
                async with background_tasks(self._announcement.tell()):
                    step = await self._steps.get()
                await self._apply(step, sidecars, services)

    async def _collect_steps(self) -> None:
        async for step in reload_steps(self._planning, self._plan, self._report, self._clock):
            await self._steps.put(step)

    async def _apply(
        self, step: ReloadStep, sidecars: asyncio.TaskGroup, services: asyncio.TaskGroup
    ) -> None:
        """First everything ends that is to end, so that ports and files are free."""
        there = {app.plan.app_id: app for app in self._apps}
        changes = [change for change in step.changes if change.before is None or change.app_id in there]
        for change in changes:
            self._report(Reloading(change.app_id, step.changed, change.restarts, change.reason))
            app = there.get(change.app_id)
            if app is not None and change.ends_process:
                await app.end_process()
        for change in changes:
            if change.app_id in there and "sidecar" in change.restarts:
                await there[change.app_id].end_sidecar()
        self._plan = step.plan
        self._planning.planned(step.plan)
        for plan in step.plan.apps:
            if plan.app_id in there:
                there[plan.app_id].replan(plan)
            else:
                there[plan.app_id] = AppInstance(plan, self._published)
        self._apps[:] = [there[plan.app_id] for plan in step.plan.apps]
        going = [(change, there[change.app_id]) for change in changes if change.after is not None]
        begun = [app for change, app in going if "sidecar" in change.restarts]
        for app in begun:
            self._announcement.begins_anew(app.plan.app_id)
            app.begin_sidecar(sidecars, self._serve_again(app))
        for app in begun:
            await app.until_listening()
        for change, app in going:
            if change.ends_process:
                self._begin_app(app, services)


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
