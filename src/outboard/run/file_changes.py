"""Changes of the files that a run was planned from.

They are looked at again and again, where the source files of an app are watched by the operating system: they
are few, may be replaced as a whole, and others of them count after each change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from outboard.clock import Clock

__all__ = ["FileChanges"]

POLL: Final = 0.2
"""Seconds between two looks. A change counts once the next look finds the same: an editor may be writing."""
SUFFIXES: Final = frozenset({".yaml", ".yml"})
Snapshot: TypeAlias = Mapping[Path, tuple[int, int, int]]


class FileChanges:
    """What has changed since it was asked last, of files and of the YAML files directly in folders.

    `paths` gives these, and is called anew at each look.
    """

    def __init__(self, paths: Callable[[], Iterable[Path]], clock: Clock) -> None:
        self._paths = paths
        self._clock = clock
        self._known = _snapshot(paths())

    async def changed(self) -> tuple[Path, ...]:
        """Wait for a change: the files that were written, are new, or are gone, in order."""
        before = latest = self._known
        while True:
            await self._clock.sleep(POLL)
            now = _snapshot(self._paths())
            if now == latest and now != before:
                self._known = now
                return tuple(sorted(path for path in {*before, *now} if before.get(path) != now.get(path)))
            latest = now

    def reset(self) -> None:
        """Take what is there now as known: other files count from now on."""
        self._known = {**_snapshot(self._paths()), **self._known}


def _snapshot(paths: Iterable[Path]) -> Snapshot:
    """How the files are now; what is not there, or goes away at this moment, is left out."""
    found: dict[Path, tuple[int, int, int]] = {}
    for file in (file for path in paths for file in _files(path)):
        try:
            status = file.stat()
        except OSError:
            continue
        found[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _files(path: Path) -> Iterable[Path]:
    try:
        return (
            [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES] if path.is_dir() else [path]
        )
    except OSError:  # gone, or forbidden: the plan that is made again says so
        return []
