"""A group of a run's own in each hierarchy of control groups (version 1), below which the kubelet stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engines.cluster.machine import CGROUPS
from engines.problem import EngineProblem

LIMIT = 20.0
"""Seconds that processes may take to leave their groups once they are killed."""


def make(name: str) -> None:
    """Make the group `name` in each hierarchy."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a fresh group, which then takes no process
            if (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())


def remove(name: str) -> None:
    """Remove the groups `name`, once the processes in them have ended. Raises EngineProblem."""
    deadline = time.monotonic() + LIMIT
    for hierarchy in _hierarchies():
        group = hierarchy / name
        while group.exists():
            try:
                for folder, _, _ in os.walk(group, topdown=False):
                    os.rmdir(folder)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise EngineProblem(f"{group} is still in use ({error}); try it again") from error
                time.sleep(0.1)


def _hierarchies() -> list[Path]:
    """Those of version 1, and `unified`, in which containerd makes groups too."""
    return [each for each in sorted(CGROUPS.iterdir()) if each.is_dir()]
