"""Servers that outlive the command which starts them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from outboard.engines.instance import Instance
from outboard.errors import EngineUnavailable
from outboard.host.listening import accepts
from outboard.host.private_files import private_opener
from outboard.host.processes import is_running

__all__ = ["is_open", "start", "stop"]

START_LIMIT: Final = 90.0
"""Seconds that a server may take to answer."""
STOP_LIMIT: Final = 30.0
"""Seconds until a server that was asked to stop is killed."""
POLL: Final = 0.05
LAST_LINES: Final = 8

if sys.platform == "win32":
    DETACHED: Final = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
else:
    DETACHED: Final = 0


def start(
    name: str, command: Sequence[str], port: int, folder: Path, answers: Callable[[int], bool]
) -> Instance:
    """Start `command` in `folder`, where its log is too, and return once it `answers` on `port`.

    Raises EngineUnavailable with its last lines where it does not; nothing of it runs then.
    """
    log = folder / "server.log"
    with open(log, "ab", opener=private_opener) as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=sys.platform != "win32",
            creationflags=DETACHED,
        )
    try:
        started = psutil.Process(process.pid).create_time()
        _wait_until(lambda: answers(port), process, name, log)
    except BaseException:  # Ctrl-C too: what never answered is nobody's
        process.kill()
        process.wait()
        raise
    return Instance(name, process.pid, started, port, str(folder))


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not ready():
        if process.poll() is not None:
            raise _did_not_start(name, f"it ended with exit code {process.returncode}", log)
        if time.monotonic() > deadline:
            raise _did_not_start(name, f"it does not answer after {START_LIMIT:.0f} s", log)
        time.sleep(POLL)


def _did_not_start(name: str, what: str, log: Path) -> EngineUnavailable:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.strip() and not line[0].isspace()]  # without Java's stack traces
    said = "\n  ".join(told[-LAST_LINES:]) or "(nothing)"
    return EngineUnavailable(
        name, f"{what}; the last lines of {log}:\n  {said}\n", "Correct that, and try again."
    )


def stop(instance: Instance) -> None:
    """Ask it to stop, and kill it where it does not; return once it has ended."""
    process = instance.process
    if process is None:
        return
    deadline = time.monotonic() + STOP_LIMIT
    with suppress(psutil.NoSuchProcess):  # it has just ended
        process.terminate()
        while is_running(process):
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(POLL)


def is_open(port: int) -> bool:
    """Whether something listens on `port` of loopback."""
    return accepts(port, timeout=1.0)
