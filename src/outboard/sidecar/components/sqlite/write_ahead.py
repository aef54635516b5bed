"""Write-ahead logging of a database that several processes open at the same moment."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

__all__ = ["switch_to_wal"]

PAUSE: Final = 0.005
"""Seconds between two attempts."""


def switch_to_wal(connection: sqlite3.Connection, seconds: float) -> str:
    """The journal mode from now on: `wal`, unless the file system cannot have it, or there is no file.

    Where others switch, too, SQLite answers "locked" at once, whatever the busy timeout of the connection is:
    it is tried again for so many `seconds`. Raises sqlite3.Error.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return str(mode)
