"""What happens in a run, written down in its folder, where `outboard doctor` and others find it.

Whatever goes wrong with that folder is told once, and the run goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.errors import OutboardError
from outboard.host.processes import process_identity
from outboard.run.output.events import (
    AppEnded,
    AppStarted,
    Caution,
    FiledLine,
    LogLine,
    Ready,
    Report,
    RunEvent,
    SidecarStarted,
)
from outboard.run.output.records import log_record
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.settings import RESOURCES_PATH
from outboard.run.plan.tokens import API_TOKEN, APP_TOKEN
from outboard.runs.folder import RunFolder, Tokens, make_run_folder
from outboard.runs.log import BoundedLog
from outboard.runs.pruning import prune
from outboard.runs.record import RunningApp, RunRecord

__all__ = ["RunRecorder", "after", "recorded", "recorded_apps"]

NAMESPACE: Final = "NAMESPACE"


@contextmanager
def recorded(plan: RunPlan, runs: Path, report: Report, clock: Clock) -> Iterator[RunRecorder]:
    """`report`, through which everything is written down in a new folder below `runs`, too.

    Raises nothing of its own: where there can be no folder, a Caution says so.
    """
    recorder = RunRecorder(report, clock)
    recorder.attempt(lambda: recorder.begin(plan, runs))
    try:
        yield recorder
    except (OutboardError, OSError) as error:
        recorder.problem = str(error)
        raise
    finally:
        recorder.attempt(recorder.end)


class RunRecorder:
    """A report on its way to another one. What is meant for a file alone ends here."""

    def __init__(self, report: Report, clock: Clock) -> None:
        self.problem = ""
        self._report = report
        self._clock = clock
        self._folder: RunFolder | None = None
        self._record: RunRecord | None = None
        self._logs: dict[tuple[str, str], BoundedLog] = {}
        self._failed = False

    @property
    def hops(self) -> Path | None:
        """Where the apps and their sidecars are to keep the hops of their events; None where they cannot."""
        return None if self._failed or self._folder is None else self._folder.hops

    def __call__(self, event: RunEvent) -> None:
        """Take down `event`, and pass it on."""
        self.attempt(lambda: self._take(event))
        if not isinstance(event, FiledLine):
            self._report(event)

    def begin(self, plan: RunPlan, runs: Path) -> None:
        folder = make_run_folder(runs, self._clock.now())
        self._record = _record(plan, folder.run_id, self._clock.now())
        self._folder = folder
        folder.write(self._record)
        folder.write_tokens(_tokens(plan))
        prune(runs)

    def planned(self, plan: RunPlan) -> None:
        """From now on `plan` counts: what is known of the processes of its apps stays."""
        self.attempt(lambda: self._replan(plan))

    def _replan(self, plan: RunPlan) -> None:
        if self._folder is None or self._record is None:
            return
        before = self._record
        apps = [
            replace(app, pid=had.pid, exit_code=had.exit_code, sidecar_pid=had.sidecar_pid)
            if (had := before.app(app.app_id))
            else app
            for app in recorded_apps(plan, before.process.process)
        ]
        self._record = replace(before, apps=tuple(apps))
        self._folder.write(self._record)
        self._folder.write_tokens(_tokens(plan))

    def end(self) -> None:
        for log in self._logs.values():
            log.close()
        if self._folder is not None and self._record is not None:
            self._folder.forget_tokens()
            self._folder.write(replace(self._record, ended=self._clock.now(), problem=self.problem))

    def attempt(self, write: Callable[[], None]) -> None:
        """Write, until that fails once: a full disk must not end what runs well."""
        if self._failed:
            return
        try:
            write()
        except OSError as error:
            self._failed = True
            said = f"this run is not recorded, so that `outboard doctor` does not find it: {error}"
            self._report(Caution(said))

    def _take(self, event: RunEvent) -> None:
        if self._folder is None or self._record is None:
            return
        if isinstance(event, LogLine):
            if self._record.app(event.app):
                self._log(self._folder, event).write(log_record(event, self._clock.now()))
            return
        changed = after(self._record, event)
        if changed != self._record:
            self._record = changed
            self._folder.write(changed)

    def _log(self, folder: RunFolder, line: LogLine) -> BoundedLog:
        key = line.app, line.source.value
        if key not in self._logs:
            self._logs[key] = BoundedLog(folder.log(*key))
        return self._logs[key]


def after(record: RunRecord, event: RunEvent) -> RunRecord:
    """The record once `event` has happened."""
    match event:
        case Ready():
            return replace(record, ready=True)
        case AppStarted() if app := record.app(event.app):
            return record.with_app(replace(app, pid=event.pid))
        case AppEnded() if app := record.app(event.app):
            return record.with_app(replace(app, pid=0, exit_code=event.code))
        case SidecarStarted() if app := record.app(event.app):
            return record.with_app(replace(app, sidecar_pid=event.pid))
        case _:
            return record


def recorded_apps(plan: RunPlan, own_process: int) -> tuple[RunningApp, ...]:
    """The apps as they are before anything is started; Outboard's own sidecars are in `own_process`."""
    sidecar_pid = own_process if plan.daprd is None else 0
    return tuple(_app(app, sidecar_pid) for app in plan.apps)


def _record(plan: RunPlan, run_id: str, now: datetime) -> RunRecord:
    process = process_identity()
    return RunRecord(
        run_id=run_id,
        outboard=version("outboard"),
        engine="outboard" if plan.daprd is None else "daprd",
        run_file=str(plan.run_file or ""),
        directory=str(Path.cwd()),
        started=now,
        process=process,
        apps=recorded_apps(plan, process.process),
        daprd=str(plan.daprd or ""),
    )


def _app(app: AppPlan, sidecar_pid: int) -> RunningApp:
    flags = list(zip(app.sidecar, app.sidecar[1:], strict=False))
    return RunningApp(
        app_id=app.app_id,
        directory=str(app.directory),
        origin=app.origin,
        app_port=app.app_port,
        app_host=app.app_host,
        app_protocol=app.variables.get("APP_PROTOCOL", "http"),
        http_port=app.http_port,
        grpc_port=app.grpc_port,
        metrics_port=int(app.variables.get("DAPR_METRICS_PORT", "0")),
        sidecar_pid=sidecar_pid,
        resources_paths=tuple(
            str(app.directory / value) for flag, value in flags if flag == f"--{RESOURCES_PATH}"
        ),
        sidecar=app.sidecar,
        namespace=app.full_environment.get(NAMESPACE, ""),
        attached=app.attached,
        reload=app.reload,
    )


def _tokens(plan: RunPlan) -> Tokens:
    """Those that count, whoever chose them: without them nobody else could ask an app, or its sidecar."""
    return {
        app.app_id: {
            name: token for name in (API_TOKEN, APP_TOKEN) if (token := app.full_environment.get(name))
        }
        for app in plan.apps
    }
