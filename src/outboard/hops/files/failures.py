"""The ids of events that did not go well, told to the other processes that write to the folder.

A process that leaves hops out because there are too many does not know what became of an event in another.
Each writes the ids to a file of its own, and reads those of the others while it leaves something out.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from outboard.host.private_files import private_opener

__all__ = ["SharedFailures", "failure_files"]

SUFFIX: Final = ".hops.failing"
MOST_BYTES: Final = 2**20


def failure_files(folder: Path) -> list[Path]:
    """The files in which processes tell each other."""
    return sorted(folder.glob(f"*{SUFFIX}"))


class SharedFailures:
    """What this process tells in `folder`, and what it has heard there."""

    def __init__(self, folder: Path, opener: Callable[[str, int], int] = private_opener) -> None:
        self._folder = folder
        self._opener = opener
        self._own = self._fresh()
        self._read: dict[Path, int] = {}

    def tell(self, event_ids: Iterable[str]) -> None:
        """Add to the own file, which is begun anew when it is large. Raises OSError."""
        lines = "".join(f"{each}\n" for each in event_ids if "\n" not in each)
        if not lines:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._own, "a", encoding="utf-8", errors="replace", opener=self._opener) as file:
            file.write(lines)
            size = file.tell()
        if size > MOST_BYTES:
            self._own.unlink(missing_ok=True)
            self._own = self._fresh()

    def heard(self) -> set[str]:
        """The ids that others have told since the last time."""
        found: set[str] = set()
        for path in failure_files(self._folder):
            if path != self._own:
                with suppress(OSError):  # it may be gone, and then says nothing more
                    found.update(self._new_in(path))
        return found

    def _new_in(self, path: Path) -> list[str]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._read[path] = self._read.get(path, 0) + whole
        return data[:whole].decode("utf-8", "replace").splitlines()

    def _fresh(self) -> Path:
        return self._folder / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
