"""The sidecars of a run, each a daprd in a process of its own."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.errors import PortTaken, ServiceDied
from outboard.host.owners import owners_besides
from outboard.host.ports import MachinePorts
from outboard.run.availability import AppAvailability
from outboard.run.output.events import Caution, Report, SidecarStarted
from outboard.run.output.logrus import parse_line
from outboard.run.output.logs import daprd_log
from outboard.run.plan.daprd import daprd_variables
from outboard.run.plan.plan import AppPlan
from outboard.run.plan.port_assignment import PURPOSES, ports_in_arguments
from outboard.run.plan.settings import APP_PORT
from outboard.run.processes.last_words import Remembering
from outboard.run.processes.process import Launch, running
from outboard.run.sidecars.daprd_configuration import not_following
from outboard.run.sidecars.daprd_metrics import watch_published
from outboard.run.sidecars.daprd_probe import (
    exchange_with_sidecar,
    is_healthy,
    until_asked,
    until_healthy,
    watch_subscriptions,
)
from outboard.run.sidecars.daprd_topology import ask_topology
from outboard.run.sidecars.port import Published, SidecarStatus
from outboard.tasks import background_tasks

__all__ = ["DaprdSidecars"]

GRACE: Final = 10.0
"""Seconds until a daprd that was asked to stop is killed: it gives what is in flight five."""
LONG_AFTER_ITS_APP: Final = 1.0
"""Seconds in which a daprd is ready, once its app is there, where nothing keeps it from that."""
OUTBOUND: Final = "/v1.0/healthz/outbound"
ALL: Final = "/v1.0/healthz"
IN_MEMORY: Final = "pubsub.in-memory"


@dataclass(frozen=True, slots=True)
class DaprdSidecars:
    """Serves each app's sidecar by the program `executable`, which follows files where `follows` says so."""

    executable: Path
    clock: Clock
    follows: bool = True

    async def __call__(
        self, app: AppPlan, availability: AppAvailability | None, status: SidecarStatus, report: Report
    ) -> None:
        """Serve until cancelled, then stop gracefully; when cancelled again at once.

        `availability` only tells when the app restarts: what happens to the events of an app that is away is
        daprd's to say. Raises ServiceDied where daprd ends by itself, OSError where it cannot be started or
        its log file not be opened.
        """
        with (
            daprd_log(app, report, self.clock.now()) as take,
            nullcontext(()) if self.follows else not_following(app) as more,
        ):
            log = Remembering(take)
            async with running(self._launch(app, more), log, asyncio.Event(), self.clock, GRACE) as process:
                report(SidecarStarted(app.app_id, process.pid))
                watches = [
                    self._watch_health(app, process.pid, status, report),
                    self._watch_published(app, status),
                ]
                if availability is not None:
                    watches.append(watch_subscriptions(app, availability, report))
                try:
                    async with background_tasks(*watches):
                        code = await process.wait()
                except* PortTaken as taken:
                    raise taken.exceptions[0] from None
        if not status.listening.is_set():
            _refuse_taken_port(app)
        _, said = parse_line(log.last_words)
        raise ServiceDied(f"the sidecar of {app.app_id}", code, said or "nothing")

    def _launch(self, app: AppPlan, more: tuple[str, ...]) -> Launch:
        command = (str(self.executable), *app.sidecar, *more)
        return Launch(command, app.directory, daprd_variables(app.full_environment))

    async def _watch_published(self, app: AppPlan, status: SidecarStatus) -> None:
        """Tell what is published first to each topic, once it is known which components there are."""
        await status.ready.wait()
        types = {each.name: each.type.lower() for each in status.topology.result().components}

        def first_published(pubsub: str, topic: str) -> None:
            local = types.get(pubsub) == IN_MEMORY  # that of each daprd is its own
            status.published.put_nowait(Published(app.app_id, pubsub, topic, local))

        await watch_published(app, first_published, self.clock)

    async def _watch_health(self, app: AppPlan, process: int, status: SidecarStatus, report: Report) -> None:
        """Tell how far the start has come: that takes as long as the app takes."""
        async with exchange_with_sidecar(app) as exchange:
            await until_healthy(exchange, OUTBOUND, self.clock)
            # A daprd may answer for a moment before it ends for a port that it did not get.
            await asyncio.to_thread(_refuse_port_of_others, app, process)
            status.listening.set()
            asked = await until_asked(app, partial(is_healthy, exchange, ALL), self.clock)
            try:
                async with asyncio.timeout(LONG_AFTER_ITS_APP if asked.problem else None):
                    await until_healthy(exchange, ALL, self.clock)
            except TimeoutError:
                said = f"{app.app_id} does not get its events: {asked.problem}"
                report(Caution(f"{said}. The daprd of {app.app_id} does not become ready with it"))
                await until_healthy(exchange, ALL, self.clock)
            status.tell(await ask_topology(exchange, app, asked))
            status.ready.set()


def _refuse_taken_port(app: AppPlan) -> None:
    """Raise PortTaken where somebody has a port of the daprd of `app` that has just ended: that is why."""
    for flag, port in ports_in_arguments(app.sidecar).items():
        owner = None if flag == APP_PORT else MachinePorts().owner(port)
        if owner is not None:
            raise PortTaken(port, f"{PURPOSES[flag]} of '{app.app_id}'", owner, f"--{flag}")


def _refuse_port_of_others(app: AppPlan, process: int) -> None:
    """Raise PortTaken where a process other than `process`, the daprd of `app`, has one of its ports."""
    flags = {port: flag for flag, port in ports_in_arguments(app.sidecar).items() if flag != APP_PORT}
    for port, owner in owners_besides(process, flags).items():
        raise PortTaken(port, f"{PURPOSES[flags[port]]} of '{app.app_id}'", owner, f"--{flags[port]}")
