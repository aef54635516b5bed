"""How another program of this user asks a run to start an app anew: by a file in the private folder of it.

A run looks for it several times a second, and takes it away as it obeys.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

from outboard.host.private_files import private_opener

__all__ = ["ask_restart", "is_restart_asked", "take_restart"]

SUFFIX: Final = ".restart"


def ask_restart(run_folder: Path, app_id: str) -> None:
    """Ask the run to start the app anew; once more changes nothing. Raises OSError."""
    with open(_request(run_folder, app_id), "wb", opener=private_opener):
        pass


def is_restart_asked(run_folder: Path, app_id: str) -> bool:
    """Whether somebody has asked, and the run has not obeyed yet."""
    return _request(run_folder, app_id).exists()


def take_restart(run_folder: Path, app_id: str) -> bool:
    """Whether somebody has asked since this was called last. Raises OSError."""
    try:
        _request(run_folder, app_id).unlink()
    except FileNotFoundError:
        return False
    return True


def _request(run_folder: Path, app_id: str) -> Path:
    return run_folder / f"{quote(app_id, safe='')}{SUFFIX}"
