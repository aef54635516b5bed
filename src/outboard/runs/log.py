"""A log file that stays small: its last lines, at most twice `most` bytes, in two files."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TextIO

from outboard.host.private_files import private_opener

__all__ = ["MOST", "BoundedLog", "older", "tail"]

MOST: Final = 1_000_000
"""Bytes of a file, after which the next one is begun."""


class BoundedLog:
    """Writes lines to `path`; what was there before the last `most` bytes is in `older(path)`, or gone."""

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._path = path
        self._most = most
        self._file: TextIO | None = None
        self._size = 0

    def write(self, line: str) -> None:
        """Add `line`, so that a reader finds it at once. Raises OSError."""
        if self._size >= self._most:
            self.close()
            self._path.replace(older(self._path))
        if self._file is None:
            self._size = 0
            self._file = open(  # noqa: SIM115 -- it is closed by `close`, at the end of the run
                self._path, "w", encoding="utf-8", errors="replace", buffering=1, opener=private_opener
            )
        self._size += self._file.write(line + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def older(path: Path) -> Path:
    """Where the lines before those of `path` are."""
    return path.with_name(f"{path.name}.1")


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` of a log, its older file included; none where there is no log. Raises OSError."""
    found: list[str] = []
    for file in (path, older(path)):
        if len(found) < lines and file.exists():
            found = [*file.read_text(encoding="utf-8", errors="replace").splitlines(), *found]
    return found[-lines:]
