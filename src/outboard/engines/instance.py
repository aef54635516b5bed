"""What was started, as a file remembers it: a later command finds it again, and ends nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from outboard.host.processes import is_running

__all__ = ["Instance", "Instances"]

SAME_START: Final = 0.01
"""Seconds by which two readings of one process's start may differ."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A running server: its process, told from a later one of the same number by `started` (seconds since the
    epoch), and the folder of its data."""

    name: str
    pid: int
    started: float
    port: int
    folder: str

    @property
    def address(self) -> str:
        """`localhost:PORT`, as component files take it."""
        return f"localhost:{self.port}"

    @property
    def process(self) -> psutil.Process | None:
        """The process, while it runs."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < SAME_START and is_running(process):
                return process
        return None


class Instances:
    """The instances that were started with their state in `folder`, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Instance | None:
        """The engine `name`, if it was started from here and runs."""
        try:
            found = Instance(**json.loads(self._file(name).read_text(encoding="utf-8")))
        except (
            OSError,
            ValueError,
            TypeError,
        ):  # not there, or not whole: nothing that could be ended safely
            return None
        return found if found.process is not None else None

    def remember(self, instance: Instance) -> None:
        """Keep `instance`, at once: a reader sees the old or the new one."""
        file = self._file(instance.name)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(instance)) + "\n", encoding="utf-8")
        fresh.replace(file)

    def forget(self, name: str) -> None:
        """The engine `name` has ended."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"
