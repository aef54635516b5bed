"""The runs that this machine knows of: which of them is meant, and whether it still runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from outboard.errors import CommandError
from outboard.host.processes import ProcessIdentity, has_ended, process_identity
from outboard.runs.folder import RECORD, TOKENS, Tokens
from outboard.runs.record import RecordUnreadable, RunRecord, run_from_json

__all__ = ["KnownRun", "RunState", "all_runs", "beside", "find_run", "read_run", "tokens_of"]


class RunState(StrEnum):
    """`LIVE`: it runs. `ENDED`: it said so. `DIED`: its process is gone, or its number is another process's
    by now. `ELSEWHERE`: it was started where other processes are seen, as in a container, so that nothing can
    be said.
    """

    LIVE = "live"
    ENDED = "ended"
    DIED = "died"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run, its folder, and its state when it was looked at."""

    path: Path
    record: RunRecord
    state: RunState

    @property
    def is_live(self) -> bool:
        return self.state is RunState.LIVE


def all_runs(runs: Path) -> list[KnownRun]:
    """The runs below `runs`, the newest first. What cannot be read is passed over. Raises OSError."""
    here = process_identity()
    known = [_read(path, here) for path in runs.iterdir()] if runs.is_dir() else []
    return sorted(filter(None, known), key=lambda run: run.record.started, reverse=True)


def find_run(
    runs: Path,
    *,
    run_id: str = "",
    run_file: Path | None = None,
    app_id: str = "",
    live: bool = True,
) -> KnownRun:
    """The newest run that fits: of that id (or the beginning of it), of that run file (or the folder of one,
    or in which the command was given), with an app of that name.

    `live`: of those that run now; else the newest, whatever became of it. Raises CommandError where there is
    none, or where an id is that of several, and OSError.
    """
    every = all_runs(runs)
    fitting = [run for run in every if not live or run.is_live]
    if run_id:
        fitting = _of_id(run_id, every)
    if run_file is not None:
        fitting = [run for run in fitting if _is_of(run.record, run_file)]
    if app_id:
        fitting = [run for run in fitting if run.record.app(app_id) is not None]
    if not fitting:
        raise _nothing(run_id, run_file, app_id, every, live=live)
    return fitting[0]


def beside(run: KnownRun, every: Iterable[KnownRun]) -> list[KnownRun]:
    """The other live runs of `every` with the same component files: services in several terminals."""
    mine = run.record.resources_paths
    return [
        other
        for other in every
        if other.is_live and other.path != run.path and mine & other.record.resources_paths
    ]


def read_run(path: Path) -> KnownRun | None:
    """The run of the folder `path`; None where its record cannot be read."""
    return _read(path, process_identity())


def tokens_of(run: KnownRun) -> Tokens:
    """The tokens of its apps; none once it has ended, or where they cannot be read."""
    try:
        found: Tokens = json.loads((run.path / TOKENS).read_bytes())
    except (OSError, ValueError):  # gone with the end of the run, or another user's
        return {}
    return found


def _read(path: Path, here: ProcessIdentity) -> KnownRun | None:
    try:
        record = run_from_json((path / RECORD).read_bytes())
    except (OSError, RecordUnreadable):  # no folder of a run, one that begins or goes, or of another version
        return None
    return KnownRun(path, record, _state(record, here))


def _state(record: RunRecord, here: ProcessIdentity) -> RunState:
    if record.ended is not None:
        return RunState.ENDED
    if has_ended(record.process, here):
        return RunState.DIED
    elsewhere = bool(record.process.host) and record.process.host != here.host
    return RunState.ELSEWHERE if elsewhere else RunState.LIVE


def _of_id(wanted: str, runs: Iterable[KnownRun]) -> list[KnownRun]:
    found = [run for run in runs if run.record.run_id.startswith(wanted)]
    exact = [run for run in found if run.record.run_id == wanted]
    if len(found) > 1 and not exact:
        ids = ", ".join(run.record.run_id for run in found)
        raise CommandError(f"several runs begin with {wanted}: {ids}", "Write more of the one that you mean.")
    return exact or found


def _is_of(record: RunRecord, file: Path) -> bool:
    """Whether the run is that of the run file `file`, of the one in the folder `file`, or was begun there."""
    wanted = file.absolute()
    places = {Path(record.directory)}
    if record.run_file:
        places |= {Path(record.run_file), Path(record.run_file).parent}
    return wanted in places or wanted.resolve() in {place.resolve() for place in places}


def _nothing(
    run_id: str, run_file: Path | None, app_id: str, runs: Sequence[KnownRun], *, live: bool
) -> CommandError:
    wanted = [
        f"with the id {run_id}" if run_id else "",
        f"of {run_file}" if run_file else "",
        f"with an app '{app_id}'" if app_id else "",
    ]
    said = " ".join(["there is no run", *filter(None, wanted)])
    if live and not run_id:
        said += " that runs now"
    last = f" The last one was {_told(runs[0])}." if runs else ""
    return CommandError(said, f"Start one with `outboard run`.{last}")


def _told(run: KnownRun) -> str:
    apps = ", ".join(app.app_id for app in run.record.apps)
    return f"{run.record.run_id} ({apps}; {run.state.value})"
