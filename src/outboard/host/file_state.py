"""How files are at this moment, so that a later look can tell whether they have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

__all__ = ["FileState", "changed_files", "file_state"]

SUFFIXES: Final = frozenset({".yaml", ".yml"})
FileState: TypeAlias = Mapping[Path, tuple[int, int, int]]
"""When each was written, its size in bytes, and which file it is on its disk."""


def file_state(paths: Iterable[Path]) -> FileState:
    """Of files, and of the YAML files directly in folders; a link is what it leads to.

    What is not there, or goes away at this moment, is left out.
    """
    found: dict[Path, tuple[int, int, int]] = {}
    for file in (file for path in paths for file in _files(path)):
        try:
            status = file.stat()
        except OSError:
            continue
        found[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def changed_files(before: FileState, now: FileState) -> tuple[Path, ...]:
    """Those that were written, are new, or are gone, in order."""
    return tuple(sorted(path for path in {*before, *now} if before.get(path) != now.get(path)))


def _files(path: Path) -> Iterable[Path]:
    try:
        return (
            [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES] if path.is_dir() else [path]
        )
    except OSError:  # gone, or forbidden: whoever reads it says so
        return []
