"""Processes of this machine."""

from __future__ import annotations

import psutil

__all__ = ["is_running"]


def is_running(process: psutil.Process) -> bool:
    """Whether `process` runs: a zombie, which only waits to be collected, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
