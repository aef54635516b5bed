"""Programs that are started, frozen and killed, with everything that they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["Guard", "Program"]

GUARDING = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""
KILL_LIMIT = 30.0


class Guard:
    """Sees to it that no program outlives the run, even where that is killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", "-c", GUARDING]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, encoding="utf-8", start_new_session=True
        )

    def tell(self, sign: str, group: int) -> None:
        """`+` for a group of processes that has begun, `-` for one that has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{sign}{group}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End what is left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Program:
    """A program and its children: a group of processes of its own. What it says is in the file `log`."""

    def __init__(
        self, name: str, command: Sequence[str], variables: Mapping[str, str], log: Path, guard: Guard
    ) -> None:
        self.name = name
        self.log = log
        self.starts = 0
        self._command = list(command)
        self._variables = dict(variables)
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether its first process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Of the last one that has ended."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it where it does not run. It is not waited for."""
        if self.runs:
            return
        self._forget()
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.log.parent,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.tell("+", self._process.pid)

    def processes(self) -> list[psutil.Process]:
        """All that there are of it, the first one first."""
        if self._process is None:
            return []
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """End it at once, as SIGKILL does, and whatever it started."""
        if self._process is None:
            return
        children = self.processes()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(KILL_LIMIT)
        psutil.wait_procs(children, KILL_LIMIT)
        self._forget()

    def ask_to_stop(self) -> None:
        """SIGTERM to the first process, as Kubernetes does."""
        if self.runs:
            assert self._process is not None
            self._process.terminate()

    def wait(self, seconds: float) -> float | None:
        """The seconds until all of it has ended; None where that is not within `seconds`."""
        began = time.monotonic()
        there = self.processes()
        _, left = psutil.wait_procs(there, seconds)
        if left:
            return None
        self._forget()
        return time.monotonic() - began

    def _forget(self) -> None:
        """Workers whose first process has ended by itself are ended, too."""
        if self._process is not None and self._process.poll() is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._guard.tell("-", self._process.pid)
            self._process = None
