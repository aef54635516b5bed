"""The apps of a run: started here, or waited for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from outboard.errors import ServiceDied
from outboard.host.listening import is_listening
from outboard.host.owners import ports_of
from outboard.run.app_instance import AppInstance
from outboard.run.availability import keep_watch
from outboard.run.current_run import CurrentRun
from outboard.run.output.events import AppFound, AppStarted, Attach, RunEvent, SlowStart
from outboard.run.service import Service
from outboard.run.source_changes import IsOwn, is_source_of
from outboard.runs.restarts import take_restart
from outboard.tasks import background_tasks

__all__ = ["AppProcesses", "slow_start"]

SLOW: Final = 10.0
"""Seconds after which a person is asked why an app does not answer."""
LOOK_FOR_REQUESTS: Final = 0.25
"""Seconds between two looks for a request of somebody else."""


@dataclass(frozen=True, slots=True)
class AppProcesses:
    """Begins the apps of `state`; `died` are those that ended while the others went on."""

    state: CurrentRun
    died: list[ServiceDied] = field(default_factory=list)

    def begin(self, app: AppInstance, services: asyncio.TaskGroup) -> None:
        if app.plan.attached:
            app.process = services.create_task(self._wait_for(app))
        elif app.plan.started_here:
            app.process = services.create_task(self._run(app))
        else:
            app.process = services.create_task(self._remind(app))

    async def _run(self, app: AppInstance) -> None:
        """With `keep_going` the death of one is told at the end of all."""
        plan, state = app.plan, self.state
        is_own: IsOwn = lambda path: is_source_of(plan, path, state.plan)  # noqa: E731
        asked = lambda: self._until_asked(plan.app_id)  # noqa: E731

        def report(event: RunEvent) -> None:
            if isinstance(event, AppStarted):
                app.pid = event.pid
            state.report(event)

        service = Service(plan, report, state.clock, state.hurry, app.availability, is_own, asked)
        try:
            async with background_tasks(self._remind(app)):
                await service.run()
        except ServiceDied as error:
            if not plan.keep_going:
                raise
            self.died.append(error)

    async def _until_asked(self, app_id: str) -> None:
        """Return once somebody has asked for a restart; a folder that cannot be read asks for nothing."""
        state = self.state
        if state.folder is None:
            await asyncio.Event().wait()
            return
        while True:
            with suppress(OSError):
                if take_restart(state.folder, app_id):
                    return
            await state.clock.sleep(LOOK_FOR_REQUESTS)

    async def _remind(self, app: AppInstance) -> None:
        """Ask a person to look, where an app takes long to open its port."""
        await self.state.clock.sleep(SLOW)
        if not app.status.ready.is_set():
            plan = app.plan
            self.state.report(await slow_start(plan.app_id, plan.app_host, plan.app_port, app.pid))

    async def _wait_for(self, app: AppInstance) -> None:
        """Tell how to start an attached app, and each time it has been."""
        plan, report = app.plan, self.state.report
        report(Attach(plan.app_id, plan.app_port, str(plan.directory), plan.command, plan.added_environment))
        if app.availability is not None:
            found = AppFound(plan.app_id, plan.app_port)
            await keep_watch(app.availability, self.state.clock, lambda: report(found))


async def slow_start(app_id: str, host: str, port: int, pid: int) -> SlowStart:
    """What is seen of an app that should listen on `port` of `host` by now.

    `port` is 0 where it has none, and `pid`, its process, where nobody has started it here.
    """
    if port and await is_listening(host, port):
        return SlowStart(app_id, port, SLOW, listens=True)
    elsewhere = await asyncio.to_thread(ports_of, pid) if port and pid else []
    return SlowStart(app_id, port, SLOW, elsewhere=tuple(elsewhere))
