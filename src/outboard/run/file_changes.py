"""Changes of the files that a run was planned from.

They are looked at again and again, where the source files of an app are watched by the operating system: they
are few, may be replaced as a whole, and others of them count after each change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.host.file_state import changed_files, file_state

__all__ = ["FileChanges"]

POLL: Final = 0.2
"""Seconds between two looks. A change counts once the next look finds the same: an editor may be writing."""


class FileChanges:
    """What has changed since it was asked last, of files and of the YAML files directly in folders.

    `paths` gives these, and is called anew at each look.
    """

    def __init__(self, paths: Callable[[], Iterable[Path]], clock: Clock) -> None:
        self._paths = paths
        self._clock = clock
        self._known = file_state(paths())

    async def changed(self) -> tuple[Path, ...]:
        """Wait for a change: the files that were written, are new, or are gone, in order."""
        before = latest = self._known
        while True:
            await self._clock.sleep(POLL)
            now = file_state(self._paths())
            if now == latest and now != before:
                self._known = now
                return changed_files(before, now)
            latest = now

    def reset(self) -> None:
        """Take what is there now as known: other files count from now on."""
        self._known = {**file_state(self._paths()), **self._known}
