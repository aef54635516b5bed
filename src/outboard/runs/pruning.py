"""How many past runs are kept: the newest, so that they can still be looked into."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from outboard.runs.finding import RunState, read_run
from outboard.runs.folder import RunFolder, remove_run_folder

__all__ = ["KEPT", "prune"]

KEPT: Final = 10
"""Past runs, beside those that run."""
SETTLED: Final = 24 * 3600.0
"""Seconds without a change after which a run that cannot be looked at counts as a past one."""


def prune(runs: Path, kept: int = KEPT) -> None:
    """Remove all but the newest `kept` folders of past runs, and the tokens of runs that died.

    Raises OSError.
    """
    past = sorted((path for path in runs.iterdir() if path.is_dir() and _is_past(path)), reverse=True)
    for path in past:  # their names begin with the time of their start
        RunFolder(path).forget_tokens()
    for path in past[kept:]:
        remove_run_folder(path)


def _is_past(path: Path) -> bool:
    run = read_run(path)
    if run is None or run.state is RunState.ELSEWHERE:
        return _unchanged_for(path) > SETTLED
    return not run.is_live


def _unchanged_for(path: Path) -> float:
    """Seconds since anything in the folder was written."""
    try:
        latest = max(file.stat().st_mtime for file in (path, *path.iterdir()))
    except FileNotFoundError:  # another run removes it now
        return 0.0
    return time.time() - latest
