"""What follows from a change of the files that a run was planned from; the supervisor does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from outboard.clock import Clock
from outboard.errors import OutboardError, ResourcesInvalid
from outboard.resources.loader import Resources, read_resources
from outboard.run.file_changes import FileChanges
from outboard.run.output.events import Caution, Note, ReloadRefused, Report
from outboard.run.plan.app_finding import AppFinding
from outboard.run.plan.daprd_components import resource_options
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.plan_changes import AppChange, plan_changes
from outboard.run.plan.plan_files import app_files, plan_files
from outboard.run.plan.settings import CONFIG

__all__ = ["PlanAgain", "Planning", "ReloadStep", "loaded", "reload_steps"]

PlanAgain: TypeAlias = Callable[[RunPlan, frozenset[int]], RunPlan]
"""Makes the plan anew, keeping what it can of the one before, but for ports that somebody else has."""
Check: TypeAlias = Callable[[RunPlan], Sequence[AppFinding]]


@dataclass(frozen=True, slots=True)
class ReloadStep:
    """`plan` counts from now on; `changes` lead to it, because files have `changed`."""

    plan: RunPlan
    changes: tuple[AppChange, ...]
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """What a sidecar takes from files. `configuration` is as it is written."""

    resources: Resources
    configuration: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Planning:
    """How a run is planned while it goes on. With `reload` that is done for each change of its files.

    `check` finds what is wrong with a plan, `planned` is told the one that counts from then on.
    """

    plan_again: PlanAgain
    check: Check
    planned: Callable[[RunPlan], None]
    reload: bool = False


async def reload_steps(
    planning: Planning, plan: RunPlan, report: Report, clock: Clock
) -> AsyncIterator[ReloadStep]:
    """What to do for each change of the files of `plan`, and of those that follow it; until cancelled.

    What is wrong with them is reported, and everything stays as it is.
    """
    files = FileChanges(lambda: plan_files(plan), clock)
    had = loaded(plan)
    while True:
        changed = await files.changed()
        try:
            planned, has, wrong = await asyncio.to_thread(_read, planning, plan)
        except (OutboardError, OSError) as error:
            planned, has, wrong = plan, had, list(_refused(error))
        for refused in wrong:
            report(refused)
        if wrong:
            continue
        names = tuple(_shown(path, plan) for path in changed)
        for finding in planned.findings:
            if finding not in plan.findings:
                report(Caution(str(finding)))
        changes = (*plan_changes(plan, planned), *_of_files(plan, planned, had, has, changed))
        plan, had = planned, has
        files.reset()
        if changes:
            yield ReloadStep(plan, _together(changes), names)
        else:
            report(Note(f"{', '.join(names)} changed: nothing has to restart"))


def _read(planning: Planning, plan: RunPlan) -> tuple[RunPlan, dict[str, LoadedFiles], list[ReloadRefused]]:
    """The plan, what it loads, and what is wrong with it. Raises OutboardError, OSError."""
    planned = planning.plan_again(plan, frozenset())
    wrong = [
        ReloadRefused(str(each), each.finding.file, each.finding.line)
        for each in planning.check(planned)
        if planned.strict or each.finding.severity == "error"
    ]
    return planned, {} if wrong else loaded(planned), wrong


def loaded(plan: RunPlan) -> dict[str, LoadedFiles]:
    """What each sidecar of `plan` takes from files. Raises CommandError where a folder cannot be read."""
    return {app.app_id: _loaded(app) for app in plan.apps}


def _loaded(app: AppPlan) -> LoadedFiles:
    options = resource_options(app)
    resources = read_resources(options.resources_paths, options.app_id, options.namespace)
    flags = zip(app.sidecar, app.sidecar[1:], strict=False)
    paths = [app.directory / value for flag, value in flags if flag == f"--{CONFIG}"]
    return LoadedFiles(
        replace(resources, findings=(), left_out=(), subscriptions_of_others=()),
        tuple(path.read_bytes() for path in paths if path.is_file()),
    )


def _of_files(
    before: RunPlan,
    after: RunPlan,
    had: Mapping[str, LoadedFiles],
    has: Mapping[str, LoadedFiles],
    changed: Iterable[Path],
) -> Iterable[AppChange]:
    """A change of each app whose sidecar loads something else than it did."""
    for app in after.apps:
        earlier = before.app(app.app_id)
        if earlier is not None and had.get(app.app_id) != has.get(app.app_id):
            folders = app_files(app)
            own = [path for path in changed if path in folders or path.parent in folders]
            names = ", ".join(_shown(path, after) for path in own or changed)
            yield AppChange(app.app_id, earlier, app, ("sidecar",), f"it loads {names}")


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


def _shown(path: Path, plan: RunPlan) -> str:
    """Relative to the folder of the run file, or to the working directory, if it is below."""
    for folder in (plan.run_file.parent if plan.run_file else Path.cwd(), Path.cwd()):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)


def _refused(error: OutboardError | OSError) -> Iterable[ReloadRefused]:
    if isinstance(error, ResourcesInvalid):
        for each in error.errors:
            yield from _refused(each)
    else:
        yield ReloadRefused(str(error), str(getattr(error, "path", "")), int(getattr(error, "line", 0)))
