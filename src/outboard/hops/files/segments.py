"""The files that one process writes, and the bounds of the folder that it shares with others.

A file is written by one process alone, and only at its end, so that none has to wait for another. When one is
full, or is gone, the next begins; then files of anybody that are too old or too many go, the one that was
written longest ago first.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from outboard.hops.files.lines import FileHead, head_line
from outboard.host.private_files import private_opener

__all__ = ["SUFFIX", "RecordBounds", "Segments", "record_files"]

SUFFIX: Final = ".hops.jsonl"
LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class RecordBounds:
    """Of a folder: all its files together have about so many bytes at most, and none is older than `age`
    seconds. A file has about `file_bytes` at most.
    """

    folder_bytes: int = 64 * 2**20
    file_bytes: int = 2 * 2**20
    files: int = 1_000
    age: float = 7 * 24 * 3600.0


DEFAULT_BOUNDS: Final = RecordBounds()


def record_files(folder: Path) -> list[Path]:
    """The files of the record in `folder`, those begun first in front; none where it is not there."""
    return sorted(folder.glob(f"*{SUFFIX}"))


class Segments:
    """Appends to the current file of one process. `now` gives seconds since 1970.

    Nothing is made before the first line is to be written. Raises OSError where that is not possible; then
    the next call tries again, in another file.
    """

    def __init__(
        self,
        folder: Path,
        head: FileHead,
        bounds: RecordBounds = DEFAULT_BOUNDS,
        now: Callable[[], float] = time.time,
        opener: Callable[[str, int], int] = private_opener,
    ) -> None:
        self.folder = folder
        self._head = head
        self._bounds = bounds
        self._now = now
        self._opener = opener
        self._file = -1
        self._size = 0
        self._number = 0

    def append(self, lines: bytes) -> None:
        """Write whole lines. Raises OSError."""
        if self._file >= 0 and (self._size >= self._bounds.file_bytes or self._is_gone()):
            self.close()
        try:
            if self._file < 0:
                self._begin()
            self._write(lines)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """End the current file."""
        if self._file >= 0:
            file, self._file = self._file, -1
            with suppress(OSError):  # what was written before is all that could be
                os.close(file)

    def _is_gone(self) -> bool:
        """Whether somebody has removed the file, so that nobody would find what is written to it."""
        try:
            return os.fstat(self._file).st_nlink == 0
        except OSError:
            return True

    def _begin(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room()
        started, self._number = int(self._now() * 1000), self._number + 1
        who = quote(self._head.app_id, safe="")[:LONGEST_NAME]
        mine = f"{os.getpid()}-{secrets.token_hex(3)}-{self._number}"
        name = f"{started:013}-{who}-{self._head.part}-{mine}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file, self._size = self._opener(str(self.folder / name), flags), 0
        self._write(head_line(self._head))

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(self._file, rest)
            self._size += written
            rest = rest[written:]

    def _make_room(self) -> None:
        """What others remove at the same time is gone all the same; what they have open on Windows stays."""
        bounds, oldest = self._bounds, self._now() - self._bounds.age
        found = sorted(self._sizes())
        total = sum(size for _, size, _ in found)
        for position, (modified, size, path) in enumerate(found):
            too_many = len(found) - position >= bounds.files
            if modified >= oldest and total + bounds.file_bytes <= bounds.folder_bytes and not too_many:
                break
            with suppress(OSError):
                path.unlink()
            total -= size

    def _sizes(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.glob("*.hops.*"):  # what processes tell each other, too
            with suppress(OSError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path
