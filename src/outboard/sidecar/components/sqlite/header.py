"""The first bytes of a database, read without taking from others of this process what they hold of it.

Whoever closes a file gives up all locks that its process has on it (POSIX, "fcntl"), with them those of a
connection that SQLite has open: another process could then take itself for the last one, and remove the
write-ahead log. So what was opened here stays open, and is read from once more.
Source: SQLite, "How To Corrupt An SQLite Database File", section 2.2.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

__all__ = ["read_header"]

MOST: Final = 64
"""So many files are kept open: no process works with more logs at once."""
_lock: Final = threading.Lock()
_kept: Final[dict[tuple[int, int], int]] = {}
"""Descriptors by device and inode; while one is open, no other file gets its inode."""


def read_header(path: Path, size: int) -> bytes:
    """The first `size` bytes of the file at `path`, or all where it has fewer. Raises OSError."""
    if sys.platform == "win32":
        with path.open("rb") as file:
            return file.read(size)
    with _lock:
        there = path.stat()
        descriptor = _kept.pop((there.st_dev, there.st_ino), -1)
        if descriptor < 0:
            descriptor = os.open(path, os.O_RDONLY)
        opened = os.fstat(descriptor)
        _kept[opened.st_dev, opened.st_ino] = descriptor
        if len(_kept) > MOST:
            os.close(_kept.pop(next(iter(_kept))))
        return os.pread(descriptor, size, 0)
