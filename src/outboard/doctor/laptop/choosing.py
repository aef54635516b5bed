"""Which apps of this machine a command line means."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.doctor.laptop.local_app import API_TOKEN, APP_TOKEN, LocalApp, run_seen, targets_of
from outboard.doctor.laptop.look import Laptop
from outboard.errors import CommandError
from outboard.runs.finding import KnownRun, RunState, all_runs, find_run
from outboard.runs.folder import RunFolder, runs_folder
from outboard.runs.record import RunningApp

__all__ = ["chosen_look"]

BY_HAND: Final = "a sidecar that was started by hand"


def chosen_look(
    home: Path,
    *,
    run_file: Path | None,
    run_id: str,
    app_id: str,
    app_port: int,
    dapr_http_port: int,
    resources_paths: tuple[Path, ...],
    folder: Path,
    environment: Mapping[str, str],
    clock: Clock,
) -> Laptop:
    """The look at what is meant. Raises CommandError where there is no such run, or options contradict."""
    if dapr_http_port:
        if run_file is not None or run_id:
            problem = "--dapr-http-port is for a sidecar that was started by hand"
            raise CommandError(problem, "Leave it out, or -f and --run.")
        if not app_id:
            raise CommandError("--dapr-http-port needs --app-id", "Name the app of that sidecar.")
        app = RunningApp(
            app_id,
            str(folder),
            app_port=app_port,
            http_port=dapr_http_port,
            resources_paths=tuple(str(path.absolute()) for path in resources_paths),
        )
        tokens = {name: environment[name] for name in (API_TOKEN, APP_TOKEN) if environment.get(name)}
        return Laptop(BY_HAND, [LocalApp(app, tokens)], clock)
    if app_port or resources_paths:
        option = "--app-port" if app_port else "--resources-path"
        problem = f"{option} is for a sidecar that was started by hand"
        raise CommandError(problem, "Name that by --dapr-http-port, and its app by --app-id.")
    run = _run(runs_folder(home), run_file, run_id, app_id, folder)
    hops = RunFolder(run.path).hops
    return Laptop(f"run {run.record.run_id}", targets_of(run, app_id), clock, run_seen(run), hops)


def _run(runs: Path, run_file: Path | None, run_id: str, app_id: str, folder: Path) -> KnownRun:
    """The newest that runs, best one of this folder; where none does, the last one, if nobody asked it to
    end: why did it?
    """
    if run_file is None and not run_id:
        with suppress(CommandError):
            return find_run(runs, run_file=folder, app_id=app_id)
    try:
        return find_run(runs, run_id=run_id, run_file=run_file, app_id=app_id)
    except CommandError:
        if run_id or not all_runs(runs):
            raise
        last = find_run(runs, run_file=run_file, app_id=app_id, live=False)
        if last.record.problem or last.state is RunState.DIED:
            return last
        raise
