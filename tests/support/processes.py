"""Programs that a test starts, listens to and stops."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds: no more than a bound that ends a hopeless wait on a busy machine."""
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
BELOW_EPHEMERAL = range(10_000, 32_768)[WORKER::WORKERS]
"""Each worker of one test run has ports that no other gives to its servers."""
CANDIDATES = itertools.cycle(random.sample(BELOW_EPHEMERAL, len(BELOW_EPHEMERAL)))
"""In an order of its own, so that two test runs at the same time do not want the same ports."""


class Program:
    """A running program. What it says, on both streams, is kept line by line."""

    def __init__(self, command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**_environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # only Windows has it
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait_for(self, text: str) -> None:
        """Return once the program has said `text`."""
        eventually(lambda: text in self.output, lambda: f"never said {text!r}:\n{self.output}", self)

    def interrupt(self) -> int:
        """Ask it to stop, as Ctrl-C does, and give back its exit code."""
        if not self.ended:
            self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def wait_for_end(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once it has ended by itself; raises TimeoutExpired."""
        code = self._process.wait(seconds)
        self._reader.join(PATIENCE)
        return code

    def kill(self) -> None:
        """End it at once, and whatever it started."""
        if not self.ended:
            for child in psutil.Process(self._process.pid).children(recursive=True):
                child.kill()
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)


@contextmanager
def running(command: Sequence[str], folder: Path, **variables: str) -> Iterator[Program]:
    """A program in `folder` with `variables` added to the environment; stopped at the end."""
    program = Program(command, folder, variables)
    try:
        yield program
    finally:
        try:
            program.interrupt()
        except subprocess.TimeoutExpired:
            program.kill()
            raise AssertionError(f"{command} did not stop when asked to:\n{program.output}") from None
        finally:
            program.close()


def eventually(
    condition: Callable[[], T],
    complaint: Callable[[], str],
    program: Program | None = None,
    patience: float = PATIENCE,
    pause: float = 0.02,
) -> T:
    """What `condition` returns, once that is true, looked at each `pause` seconds; gives up when `program`
    has ended."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        if time.monotonic() > deadline or (program is not None and program.ended):
            raise AssertionError(complaint())
        time.sleep(pause)
    return result


def free_ports(count: int) -> list[int]:
    """Free ports of loopback, none of which this process was given before: servers may start side by side.

    They are none of those that the system gives to outgoing connections: one of these could take a port
    before its server does, even a connection that only asks whether the server is there yet.
    """
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            probe, port = held.enter_context(socket.socket()), next(CANDIDATES)
            with suppress(OSError):  # taken, or reserved
                probe.bind(("127.0.0.1", port))
                ports.append(port)
    return ports


def outboard(*arguments: str) -> list[str]:
    """The command line `outboard …` of the environment that runs the tests."""
    return [sys.executable, "-m", "outboard", *arguments]


def _environment() -> dict[str, str]:
    """This process's, without what would lead a program to another sidecar, or to a proxy."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DAPR_", "APP_")) and not name.lower().endswith("_proxy")
    }
    return {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"}
