"""The sidecars of a run: each is served to its end, on another port where one was lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from outboard.errors import OutboardError, PortTaken
from outboard.run.app_instance import AppInstance
from outboard.run.current_run import CurrentRun
from outboard.run.output.events import Note, Report, RunEvent, SidecarFailed, SubscriptionsChanged
from outboard.run.output.logs import SidecarLogs
from outboard.run.sidecars.port import ServeSidecar

__all__ = ["AppSidecars"]


@dataclass(frozen=True, slots=True)
class AppSidecars:
    """Serves the sidecars of `state` by `program`; `logs` keep the records of one in this process."""

    state: CurrentRun
    program: ServeSidecar
    logs: SidecarLogs

    async def serve(self, app: AppInstance) -> None:
        """Serve; where somebody took a port meanwhile that nobody chose, on another one.

        Raises what the program raises.
        """
        while True:
            own = self.state.plan.daprd is None
            report = _reporting(app.plan.app_id, self.state)
            try:
                with self.logs.kept(app.plan) if own else nullcontext():
                    return await self.program(app.plan, app.availability, app.status, report)
            except PortTaken as error:
                if error.port not in app.plan.picked_ports or app.status.listening.is_set():
                    raise
                self._pick_again(app, error)

    async def serve_again(self, app: AppInstance) -> None:
        """As `serve`, but one that does not start after a change waits for the next one."""
        try:
            await self.serve(app)
        except OutboardError as error:
            if app.status.ready.is_set():
                raise
            app.files = None
            place = str(getattr(error, "path", "")), int(getattr(error, "line", 0))
            self.state.report(SidecarFailed(app.plan.app_id, str(error), *place))

    def _pick_again(self, app: AppInstance, error: PortTaken) -> None:
        if not self.state.pick_again(app, error.port):
            raise error
        said = f"port {error.port}, picked for {error.purpose}, has meanwhile been taken by {error.owner}"
        self.state.report(Note(f"{said}: another one is picked"))


def _reporting(app_id: str, state: CurrentRun) -> Report:
    """Where another answer of the app leads to a restart of its sidecar, if it may be restarted."""
    take: Callable[[RunEvent], None] = state.report

    def report(event: RunEvent) -> None:
        if isinstance(event, SubscriptionsChanged) and state.planning.reload:
            state.subscribing_else.put_nowait(app_id)
        else:
            take(event)

    return report
