"""Servers that a test run starts on ports and in folders of their own. A test may crash and freeze them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import psutil

Identity: TypeAlias = tuple[int, int]
"""The ids of a user and of a group of this machine."""
START_LIMIT = 90.0
"""Seconds that a server may take to answer on a machine that does much else; then the test fails."""
POLL = 0.02
STOP_LIMIT = 60.0
"""Seconds that a server may take to stop when it is asked to; then the test fails."""
GUARD = "import os, sys; sys.stdin.read() or os.kill(int(sys.argv[1]), 9)"
"""A program that ends the process of an id once its own input ends, unless it is told a word before."""


class Server:
    """A server of loopback that keeps its port and its folder over any number of crashes and starts.

    Only processes that it started itself are ever ended, by their id. It does not outlive the test run, even
    if that is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        folder: Path,
        answers: Callable[[int], bool],
        identity: Identity | None = None,
    ) -> None:
        """`answers` says whether the server on a port is ready for clients.

        It runs as `identity`, or as who runs the tests.
        """
        self.name = name
        self.port = port
        self.folder = folder
        self._command = list(command)
        self._answers = answers
        self._identity = identity
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, as brokers and `redisHost` are written in components."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The id of the running process. Raises AssertionError where there is none."""
        assert self._process is not None, f"{self.name} on {self.address} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What the server said, over all its starts."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start it, and return once it answers. Raises AssertionError with its log where it does not."""
        assert not self.running, f"{self.name} on {self.address} runs already"
        self._dismiss_guard()
        user, group = self._identity or (None, None)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is for pytest, which then stops it
            )
        command = [sys.executable, "-S", "-c", GUARD, str(self.pid)]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + START_LIMIT
        while not self._ready():
            assert time.monotonic() < deadline, f"{self.name} does not answer:\n{self._last_lines()}"
            time.sleep(POLL)

    def stop(self) -> None:
        """Ask it to stop, and return once it has."""
        if self.running:
            self.resume()
            assert self._process is not None
            self._ask_to_stop(self._process)
            self._wait()
        self._dismiss_guard()

    def kill(self) -> None:
        """A crash: end it at once (SIGKILL), with what it started, and return once all of it is gone."""
        if self.running:
            assert self._process is not None
            children = psutil.Process(self.pid).children(recursive=True)
            self._process.kill()
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            self._wait()
            psutil.wait_procs(children, STOP_LIMIT)
        self._dismiss_guard()

    def restart(self) -> None:
        """Crash it, and start it again on the same port and folder."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its port stays open, and nothing answers."""
        psutil.Process(self.pid).suspend()

    def resume(self) -> None:
        """Let a frozen one go on (SIGCONT); nothing happens to one that is not frozen."""
        psutil.Process(self.pid).resume()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Frozen within the block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()

    def _ready(self) -> bool:
        assert self.running, f"{self.name} ended at once:\n{self._last_lines()}"
        return self._answers(self.port)

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.name} did not stop:\n{self._last_lines()}") from None

    def _dismiss_guard(self) -> None:
        """The process has ended: its id may soon be that of another one."""
        if self._guard is not None:
            self._guard.communicate(b"dismissed")
            self._guard = None

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])


def is_open(port: int) -> bool:
    """Whether something listens on `port` of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
