"""Files that hold events, state or secrets: for their owner alone, where there are owners (POSIX)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["make_private", "private_opener"]

OWNER_ALONE: Final = 0o600


def private_opener(path: str, flags: int) -> int:
    """For `open(opener=...)`: a file that is made by it can be read and written by its owner alone.

    One that is there already keeps its permissions.
    """
    return os.open(path, flags, OWNER_ALONE)


def make_private(path: Path) -> None:
    """Make an empty file of that kind, unless one is there already. Raises OSError."""
    os.close(private_opener(str(path), os.O_WRONLY | os.O_CREAT))
