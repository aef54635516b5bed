"""One app with its sidecar, as far as they run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from outboard.run.availability import AppAvailability
from outboard.run.loaded_files import LoadedFiles
from outboard.run.plan.plan import AppPlan
from outboard.run.sidecars.port import Published, SidecarStatus

__all__ = ["AppInstance"]


class AppInstance:
    """`process` is what runs the app, and `pid` its process, 0 before it was started; `status` is that of its
    present sidecar, `availability` of its port.

    `files` is what the sidecar has loaded; None where that is not known, or where it failed.
    """

    def __init__(self, plan: AppPlan, published: asyncio.Queue[Published]) -> None:
        self.plan = plan
        self.availability = _availability(plan)
        self.status = SidecarStatus(published=published)
        self.process: asyncio.Task[None] | None = None
        self.pid = 0
        self.files: LoadedFiles | None = None
        self._sidecar: asyncio.Task[None] | None = None

    def replan(self, plan: AppPlan) -> None:
        """To be called while nothing runs that `plan` changes."""
        moved = (plan.app_host, plan.app_port) != (self.plan.app_host, self.plan.app_port)
        self.plan = plan
        if moved:
            self.availability = _availability(plan)

    # The sidecar

    def begin_sidecar(self, group: asyncio.TaskGroup, serving: Coroutine[None, None, None]) -> None:
        """Let `serving` serve it, in `group`; how far that has come is told by a new `status`."""
        if self._sidecar is not None:
            self.status.topology.cancel()
            self.status = SidecarStatus(published=self.status.published)
            if self.availability is not None:
                self.availability.wait_again()
        self._sidecar = group.create_task(serving)

    def ask_sidecar_to_end(self) -> None:
        if self._sidecar is not None:
            self._sidecar.cancel()

    async def end_sidecar(self) -> None:
        if self._sidecar is not None:
            await _ended(self._sidecar)

    async def until_listening(self) -> None:
        """Return once its API answers, or once it has failed."""
        listening = asyncio.ensure_future(self.status.listening.wait())
        try:
            tasks = {listening} if self._sidecar is None else {listening, self._sidecar}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()

    # The app

    async def end_process(self) -> None:
        """Its events wait from now on."""
        if self.availability is not None:
            self.availability.lost()
        if self.process is not None:
            await _ended(self.process)


def _availability(app: AppPlan) -> AppAvailability | None:
    return AppAvailability(app.app_host, app.app_port) if app.may_restart and app.app_port else None


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel `task`, whose group tells of its failure, and wait for its end."""
    task.cancel()
    await asyncio.wait({task})
