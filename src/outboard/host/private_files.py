"""Files that hold events, state or secrets: for their owner alone, where there are owners (POSIX)."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

__all__ = ["make_private", "private_opener", "write_private"]

OWNER_ALONE: Final = 0o600
MAKING: Final = threading.Lock()
"""So that no other thread takes locks on a file that is being made."""


def private_opener(path: str, flags: int) -> int:
    """For `open(opener=...)`: a file that is made by it can be read and written by its owner alone.

    One that is there already keeps its permissions.
    """
    return os.open(path, flags, OWNER_ALONE)


def make_private(path: Path) -> None:
    """Make an empty file of that kind, unless one is there already, which is not touched. Raises OSError.

    Whoever closes a file gives up all locks that its process has on it (POSIX, "fcntl"), with them those of a
    database that somebody else of the process has open: another process would then remove its log.
    """
    with MAKING:
        if not path.exists():
            os.close(private_opener(str(path), os.O_WRONLY | os.O_CREAT))


def write_private(path: Path, content: bytes) -> None:
    """Write such a file at once: a reader sees the old `content`, all of the new one, or no file.

    Other processes may write it, too; the last one stands. Raises OSError.
    """
    fresh = path.with_suffix(f".{os.getpid()}.new")
    with open(fresh, "wb", opener=private_opener) as file:
        file.write(content)
    fresh.replace(path)
