"""Whether a process still runs."""

from __future__ import annotations

import psutil

__all__ = ["lives"]


def lives(process: psutil.Process) -> bool:
    """Whether it runs: a zombie, which only waits to be collected, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
