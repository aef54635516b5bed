"""What has changed, applied to a run: taken by sidecars that run, or restarted, and nothing else.

what has changed                                     what an app gets of it
---------------------------------------------------  --------------------------------------------
components, Subscriptions, a file of secrets         its sidecar takes them and goes on
what a sidecar reads only as it starts               its sidecar begins anew
all of these, where a sidecar cannot take anything   its sidecar begins anew: daprd's, or one that failed
its plan                                             what `AppChange.restarts` names
what a restarted app subscribes to                   its sidecar begins anew
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from outboard.errors import OutboardError
from outboard.run.app_instance import AppInstance
from outboard.run.app_processes import AppProcesses
from outboard.run.app_sidecars import AppSidecars
from outboard.run.current_run import CurrentRun
from outboard.run.loaded_files import LoadedFiles, files_change, loaded
from outboard.run.output.events import Note, Reloading, ReloadRefused
from outboard.run.plan.plan_changes import AppChange
from outboard.run.plan.plan_files import app_files
from outboard.run.reloading import FilesChanged, SubscribesElse, refusals, reload_steps, shown
from outboard.run.topology import Announcement
from outboard.tasks import background_tasks

__all__ = ["Applying"]

Step: TypeAlias = FilesChanged | SubscribesElse
SUBSCRIBES_ELSE = "the app subscribes to something else"


@dataclass(frozen=True, slots=True)
class _Groups:
    """Where sidecars and services are to run."""

    sidecars: asyncio.TaskGroup
    services: asyncio.TaskGroup


@dataclass(frozen=True, slots=True)
class _Took:
    """What is `refused`, by whom: everything is as it was there. Those `not_running` took nothing either."""

    refused: dict[ReloadRefused, list[str]] = field(default_factory=dict)
    not_running: list[AppInstance] = field(default_factory=list)


class Applying:
    """Applies changes to the apps of `state`, one after the other."""

    def __init__(
        self, state: CurrentRun, sidecars: AppSidecars, processes: AppProcesses, announcement: Announcement
    ) -> None:
        self._state = state
        self._sidecars = sidecars
        self._processes = processes
        self._announcement = announcement
        self._steps = asyncio.Queue[Step]()

    async def changes(self, sidecars: asyncio.TaskGroup, services: asyncio.TaskGroup) -> None:
        """Apply each change until cancelled; what begins runs in these groups."""
        groups = _Groups(sidecars, services)
        async with background_tasks(self._collect_files(), self._collect_subscriptions()):
            while True:
                async with background_tasks(self._announcement.tell()):
                    step = await self._steps.get()
                await self._apply(step, groups)

    async def _collect_files(self) -> None:
        state = self._state
        files = await asyncio.to_thread(loaded, state.plan)
        state.loaded(files)
        async for step in reload_steps(state.planning, state.plan, files, state.report, state.clock):
            await self._steps.put(step)

    async def _collect_subscriptions(self) -> None:
        while True:
            await self._steps.put(SubscribesElse(await self._state.subscribing_else.get()))

    async def _apply(self, step: Step, groups: _Groups) -> None:
        if isinstance(step, SubscribesElse):
            app = self._state.app(step.app_id)
            if app is not None:
                await self._restart([_sidecar_of(app, SUBSCRIBES_ELSE)], groups)
            return
        there = {app.plan.app_id: app for app in self._state.apps}
        known = [change for change in step.changes if change.before is None or change.app_id in there]
        restarted = {change.app_id for change in known if "sidecar" in change.restarts}
        others = [app for app in self._state.apps if app.plan.app_id not in restarted]
        taking, anew = self._divided(others, step)
        changes = _together([*known, *(_sidecar_of(app, _reason(app, step)) for app in anew)])
        names = tuple(shown(path, step.plan) for path in step.changed)
        for app in taking:
            if files_change(app.files or LoadedFiles(), step.files[app.plan.app_id]):
                self._state.report(Reloading(app.plan.app_id, names, (), _reason(app, step)))
        await self._end(changes, names)
        self._state.become(step.plan)
        for change in changes:
            if (begun := self._state.app(change.app_id)) is not None and "sidecar" in change.restarts:
                begun.files = step.files[change.app_id]
        _, took = await asyncio.gather(self._begin(changes, groups), self._take(taking, step))
        if took.not_running:
            await self._restart([_sidecar_of(app, _reason(app, step)) for app in took.not_running], groups)
        if not (changes or took.refused or self._announcement.is_due):
            self._state.report(Note(f"{', '.join(names)} changed: nothing has to restart"))

    def _divided(
        self, apps: Iterable[AppInstance], step: FilesChanged
    ) -> tuple[list[AppInstance], list[AppInstance]]:
        """Those whose sidecars take what has changed, and those whose begin anew."""
        taking, anew = [], []
        for app in apps:
            has = step.files.get(app.plan.app_id)
            if has is None or has == app.files:
                continue
            change = None if app.files is None else files_change(app.files, has)
            if change is None or change.at_start or (change and app.status.take is None):
                anew.append(app)
            elif app.status.take is None:
                app.files = has
            else:
                taking.append(app)
        return taking, anew

    # By sidecars that run

    async def _take(self, apps: Iterable[AppInstance], step: FilesChanged) -> _Took:
        """Let the sidecars of `apps` take what has changed, and tell what they refuse."""
        took = _Took()
        await asyncio.gather(*(self._take_one(app, step.files[app.plan.app_id], took) for app in apps))
        for said, names in took.refused.items():
            self._state.report(replace(said, apps=tuple(names)))
        return took

    async def _take_one(self, app: AppInstance, files: LoadedFiles, took: _Took) -> None:
        stores = files_change(app.files or LoadedFiles(), files).secret_stores
        take = app.status.take
        try:
            taken = None if take is None else await take(files.resources, stores)
        except OutboardError as error:
            for each in refusals(error):
                took.refused.setdefault(each, []).append(app.plan.app_id)
            return
        if taken is None:
            took.not_running.append(app)
            return
        app.files = files
        if taken:
            self._announcement.has_taken(app.plan.app_id, taken)

    # By beginning anew

    async def _restart(self, changes: Sequence[AppChange], groups: _Groups) -> None:
        await self._end(changes, ())
        await self._begin(changes, groups)

    async def _end(self, changes: Iterable[AppChange], changed: tuple[str, ...]) -> None:
        """First everything ends that is to end, so that ports and files are free."""
        ending = [(change, self._state.app(change.app_id)) for change in changes]
        for change, app in ending:
            self._state.report(Reloading(change.app_id, changed, change.restarts, change.reason))
            if app is not None and change.ends_process:
                await app.end_process()
        for change, app in ending:
            if app is not None and "sidecar" in change.restarts:
                await app.end_sidecar()
            self._announcement.changes()

    async def _begin(self, changes: Iterable[AppChange], groups: _Groups) -> None:
        going = [
            (change, app)
            for change in changes
            if change.after is not None and (app := self._state.app(change.app_id)) is not None
        ]
        begun = [app for change, app in going if "sidecar" in change.restarts]
        for app in begun:
            self._announcement.begins_anew(app.plan.app_id)
            app.begin_sidecar(groups.sidecars, self._sidecars.serve_again(app))
        for app in begun:
            await app.until_listening()
        for change, app in going:
            if change.ends_process:
                self._processes.begin(app, groups.services)


def _sidecar_of(app: AppInstance, reason: str) -> AppChange:
    return AppChange(app.plan.app_id, app.plan, app.plan, ("sidecar",), reason)


def _reason(app: AppInstance, step: FilesChanged) -> str:
    plan = step.plan.app(app.plan.app_id) or app.plan
    files = step.files.get(plan.app_id, LoadedFiles())
    read = {*app_files(plan), *(path for path, _ in files.secrets.values())}
    own = [path for path in step.changed if path in read or path.parent in read]
    return f"it loads {', '.join(shown(path, step.plan) for path in own or step.changed)}"


def _together(changes: Iterable[AppChange]) -> tuple[AppChange, ...]:
    """One change for each app."""
    found: dict[str, AppChange] = {}
    for change in changes:
        if other := found.get(change.app_id):
            restarts = tuple(dict.fromkeys((*other.restarts, *change.restarts)))
            reason = f"{other.reason}; {change.reason}"
            found[change.app_id] = replace(other, restarts=restarts, reason=reason)
        else:
            found[change.app_id] = change
    return tuple(found.values())
