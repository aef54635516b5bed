"""Whether a database that is in use is still where it was: all of its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from outboard.sidecar.components.port import ComponentError

__all__ = ["presence"]

BESIDE: Final = ("-wal", "-shm")
"""What SQLite keeps beside the file in write-ahead logging, for as long as anybody has it open."""


def presence(path: Path) -> Callable[[], None]:
    """A check that raises ComponentError once a file of the database at `path` is there no longer.

    An open file goes on to work after it was deleted; in write-ahead logging SQLite does not look. What is
    written to it, or to the log beside it, would be acknowledged, and gone when it is closed. Raises
    ComponentError if there is none.
    """
    place = path.absolute()
    known = {}
    try:
        known[place] = place.stat()
    except OSError as error:
        raise ComponentError(f"cannot use {path}: {error.strerror or error}") from error
    awaited = [place.with_name(place.name + suffix) for suffix in BESIDE]

    def check() -> None:
        for file, as_it_was in known.items():
            if not _is(file, as_it_was):
                what = f"{path.with_name(file.name)} was removed or replaced while it was in use"
                raise ComponentError(f"{what}: nothing can be kept in it any more. Restart the sidecar")
        for file in [each for each in awaited if each.exists()]:  # from the first use of a connection on
            known[file] = file.stat()
            awaited.remove(file)

    return check


def _is(file: Path, as_it_was: os.stat_result) -> bool:
    try:
        return os.path.samestat(file.stat(), as_it_was)
    except OSError:
        return False
