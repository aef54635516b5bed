"""What `outboard check` finds in the files of the runs, looked for again when one of them has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from outboard.check.main import check_paths, shown
from outboard.check.report import CheckReport
from outboard.check.settings import FILE, read_settings
from outboard.errors import OutboardError
from outboard.runs.finding import KnownRun

__all__ = ["CheckedFiles", "FileChecks"]


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """`problem` says why they could not be checked; then the report is empty. `baseline` is the file that has
    what is left out.
    """

    report: CheckReport
    problem: str = ""
    baseline: Path | None = None


class FileChecks:
    """The findings in the folders of component files, and in the run file, of each run."""

    def __init__(self) -> None:
        self._known: tuple[object, CheckedFiles] = (None, CheckedFiles(CheckReport(())))

    async def of_runs(self, runs: Sequence[KnownRun]) -> CheckedFiles:
        """All findings of all runs, each once."""
        return await asyncio.to_thread(self._of, list(runs))

    def _of(self, runs: Sequence[KnownRun]) -> CheckedFiles:
        paths = list(dict.fromkeys(path for run in runs for path in _paths(run) if path.exists()))
        folders = [Path(run.record.directory) for run in runs]
        settings = [each / FILE for folder in folders[:1] for each in (folder, *folder.parents)]
        baseline = self._known[1].baseline
        others = [*settings, *([baseline] if baseline else [])]
        state = [*map(str, paths), *map(str, folders), *_states([*paths, *others])]
        if self._known[0] != state:
            self._known = state, _checked(paths, folders)
        return self._known[1]


def _paths(run: KnownRun) -> Iterable[Path]:
    for app in run.record.apps:
        yield from map(Path, app.resources_paths)
    if run.record.run_file:
        yield Path(run.record.run_file)


def _states(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Other values once a file has changed, come or gone."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    told = ((str(file), file.stat()) for file in sorted(files) if file.is_file())
    return [(name, stat.st_mtime_ns, stat.st_size) for name, stat in told]


def _checked(paths: Sequence[Path], folders: Sequence[Path]) -> CheckedFiles:
    """With the settings of the folder in which the first run was begun, as the command there has them."""
    if not paths:
        return CheckedFiles(CheckReport(()))
    baseline: Path | None = None
    try:
        settings = read_settings(folders[0])
        baseline = settings.folder / settings.baseline if settings.baseline else None
        _, report = check_paths(paths, settings, folders[0])
        return CheckedFiles(shown(report, settings), baseline=baseline)
    except (OutboardError, OSError) as error:
        return CheckedFiles(CheckReport(()), str(error), baseline)
