"""A run put together: the only place that knows all of its parts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from outboard.clock import Clock, SystemClock
from outboard.host.event_loop import new_event_loop
from outboard.run.checks import check, refuse_warnings
from outboard.run.dashboard_program import RunDashboard, WantedDashboard, dashboard_of
from outboard.run.output.events import Caution, Note, Report
from outboard.run.plan.app_finding import AppFinding
from outboard.run.plan.app_variables import exporting, with_hops, with_spans
from outboard.run.plan.daprd_components import check_components
from outboard.run.plan.plan import RunPlan
from outboard.run.recording import recorded
from outboard.run.reloading import PlanAgain, Planning
from outboard.run.service import launch
from outboard.run.sidecars.daprd import DaprdSidecars
from outboard.run.sidecars.embedded import LocalSidecars, RetainingMemory
from outboard.run.sidecars.port import ServeSidecar
from outboard.run.supervisor import run_plan
from outboard.sidecar.components.context import SharedMemory

__all__ = ["execute"]


def execute(
    plan: RunPlan, report: Report, runs: Path, plan_again: PlanAgain, *, reload: bool,
    dashboard: WantedDashboard | None = None,
) -> None:  # fmt: skip
    """Run `plan` until it is done or is asked to stop. From then on signals to stop are ignored.

    `plan_again` makes the plan anew where it has to be, with `reload` for each change of its files too. What
    happens is recorded in a folder below `runs`, which the `dashboard` reads. Raises OutboardError, and
    OSError where a log file or the output cannot be written.
    """
    for app in plan.apps:
        if app.started_here:
            launch(app)  # before anything is started: a misspelled program is told at once
    if plan.strict:
        refuse_warnings(check(plan))
    for note in plan.notes:
        report(Note(note))
    for finding in plan.findings:
        report(Caution(str(finding)))
    clock = SystemClock()
    with recorded(plan, runs, report, clock) as recorder:
        recorded_dashboard = None if recorder.hops is None else dashboard
        spans = recorded_dashboard.spans if recorded_dashboard else None
        if spans is not None:
            names = ", ".join(exporting(plan))
            report(Note(f"spans go to the dashboard, as OTEL_TRACES_EXPORTER asks for, of {names}"))

        def told(plan: RunPlan) -> RunPlan:
            return with_spans(with_hops(plan, recorder.hops), spans)

        planning = Planning(
            lambda earlier, lost: told(plan_again(earlier, lost)),
            _check_again,
            recorder.planned,
            reload,
        )
        folder = None if recorder.hops is None else recorder.hops.parent
        beside = None if dashboard is None else dashboard_of(folder, dashboard)
        _run(told(plan), recorder, clock, planning, beside, folder)


def _check_again(plan: RunPlan) -> list[AppFinding]:
    """Raises ResourceError for a component that daprd does not have."""
    if plan.daprd is not None:
        check_components(plan)
    return check(plan)


def _run(
    plan: RunPlan, report: Report, clock: Clock, planning: Planning, dashboard: RunDashboard | None,
    folder: Path | None,
) -> None:  # fmt: skip
    serve = (
        _local_sidecars(plan, clock)
        if plan.daprd is None
        else _daprd(plan, plan.daprd, report, clock, follows=not planning.reload)
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run_plan(plan, report, serve, clock, planning, dashboard, folder))


def _local_sidecars(plan: RunPlan, clock: Clock) -> ServeSidecar:
    memory = RetainingMemory() if any(app.may_restart for app in plan.apps) else SharedMemory()
    return LocalSidecars(memory, clock)


def _daprd(plan: RunPlan, executable: Path, report: Report, clock: Clock, *, follows: bool) -> ServeSidecar:
    for text in check_components(plan):
        report(Caution(text))
    return DaprdSidecars(executable, clock, follows)
