"""What follows from a change of the files that a run was planned from; `applying` does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from outboard.clock import Clock
from outboard.errors import OutboardError, ResourcesInvalid
from outboard.run.file_changes import FileChanges
from outboard.run.loaded_files import LoadedFiles, loaded, secrets_files
from outboard.run.output.events import Caution, ReloadRefused, Report
from outboard.run.plan.app_finding import AppFinding
from outboard.run.plan.plan import RunPlan
from outboard.run.plan.plan_changes import AppChange, plan_changes
from outboard.run.plan.plan_files import plan_files

__all__ = ["FilesChanged", "PlanAgain", "Planning", "SubscribesElse", "refusals", "reload_steps", "shown"]

PlanAgain: TypeAlias = Callable[[RunPlan, frozenset[int]], RunPlan]
"""Makes the plan anew, keeping what it can of the one before, but for ports that somebody else has."""
Check: TypeAlias = Callable[[RunPlan], Sequence[AppFinding]]


@dataclass(frozen=True, slots=True)
class FilesChanged:
    """Because files have `changed`, `plan` counts from now on, and each sidecar loads what `files` says.

    `changes` are those of the plan.
    """

    plan: RunPlan
    changes: tuple[AppChange, ...]
    files: Mapping[str, LoadedFiles]
    changed: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SubscribesElse:
    """A restarted app subscribes to something else than its sidecar knows."""

    app_id: str


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
    planning: Planning, plan: RunPlan, files: Mapping[str, LoadedFiles], report: Report, clock: Clock
) -> AsyncIterator[FilesChanged]:
    """What each change of the files of `plan` leads to, and of those that follow it; until cancelled.

    `files` is what its sidecars have loaded. What is wrong is reported, and everything stays as it is.
    """
    changes = FileChanges(lambda: (*plan_files(plan), *secrets_files(files)), clock)
    while True:
        changed = await changes.changed()
        try:
            planned, has, wrong = await asyncio.to_thread(_read, planning, plan)
        except (OutboardError, OSError) as error:
            planned, has, wrong = plan, {}, list(refusals(error))
        for refused in wrong:
            report(refused)
        if wrong:
            continue
        for finding in planned.findings:
            if finding not in plan.findings:
                report(Caution(str(finding)))
        step = FilesChanged(planned, plan_changes(plan, planned), has, changed)
        plan, files = planned, has
        changes.reset()
        yield step


def refusals(error: OutboardError | OSError, apps: tuple[str, ...] = ()) -> Iterable[ReloadRefused]:
    """What is told of `error`, for which `apps` run on as they were, or everything does."""
    if isinstance(error, ResourcesInvalid):
        for each in error.errors:
            yield from refusals(each, apps)
    else:
        yield ReloadRefused(str(error), str(getattr(error, "path", "")), int(getattr(error, "line", 0)), apps)


def shown(path: Path, plan: RunPlan) -> str:
    """Relative to the folder of the run file, or to the working directory, if it is below."""
    for folder in (plan.run_file.parent if plan.run_file else Path.cwd(), Path.cwd()):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)


def _read(planning: Planning, plan: RunPlan) -> tuple[RunPlan, dict[str, LoadedFiles], list[ReloadRefused]]:
    """The plan, what it loads, and what is wrong with it. Raises OutboardError, OSError."""
    planned = planning.plan_again(plan, frozenset())
    wrong = [
        ReloadRefused(str(each), each.finding.file, each.finding.line)
        for each in planning.check(planned)
        if planned.strict or each.finding.severity == "error"
    ]
    return planned, {} if wrong else loaded(planned), wrong
