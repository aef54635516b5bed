"""What the parts of a run share: its plan as it is now, its apps, and the way to tell of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from outboard.clock import Clock
from outboard.run.app_instance import AppInstance
from outboard.run.loaded_files import LoadedFiles
from outboard.run.output.events import Report
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.reloading import Planning
from outboard.run.sidecars.port import Published, SidecarStatus

__all__ = ["CurrentRun"]


@dataclass(slots=True)
class CurrentRun:
    """`apps` are those of `plan`, in its order, as far as they run.

    `hurry` is set where there is no time for a graceful end; `subscribing_else` gets the ids of apps that
    subscribe to something else than their sidecars know. `folder` is where the run is recorded, and where
    others leave requests; None where it is not.
    """

    plan: RunPlan
    planning: Planning
    report: Report
    clock: Clock
    folder: Path | None = None
    apps: list[AppInstance] = field(init=False)
    hurry: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    published: asyncio.Queue[Published] = field(default_factory=asyncio.Queue, init=False)
    subscribing_else: asyncio.Queue[str] = field(default_factory=asyncio.Queue, init=False)
    _lost_ports: frozenset[int] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        self.apps = [AppInstance(app, self.published) for app in self.plan.apps]

    @property
    def statuses(self) -> list[SidecarStatus]:
        return [app.status for app in self.apps]

    def app(self, app_id: str) -> AppInstance | None:
        """None where no app is called so."""
        return next((app for app in self.apps if app.plan.app_id == app_id), None)

    def become(self, plan: RunPlan) -> None:
        """From now on `plan` counts. To be called while nothing runs that it changes."""
        self.plan = plan
        self.planning.planned(plan)
        there = {app.plan.app_id: app for app in self.apps}
        self.apps[:] = [self._instance(app, there) for app in plan.apps]

    def pick_again(self, app: AppInstance, lost_port: int) -> bool:
        """Plan `app` with another port in the place of one that is lost; False where it is in no plan."""
        self._lost_ports |= {lost_port}
        again = self.planning.plan_again(self.plan, self._lost_ports).app(app.plan.app_id)
        if again is None:
            return False
        apps = tuple(again if each is app.plan else each for each in self.plan.apps)
        self.plan = replace(self.plan, apps=apps)
        app.plan = again
        self.planning.planned(self.plan)
        return True

    def loaded(self, files: Mapping[str, LoadedFiles]) -> None:
        """Each sidecar has loaded what `files` says."""
        for app in self.apps:
            app.files = files.get(app.plan.app_id)

    def _instance(self, plan: AppPlan, there: Mapping[str, AppInstance]) -> AppInstance:
        app = there.get(plan.app_id)
        if app is None:
            return AppInstance(plan, self.published)
        app.replan(plan)
        return app
