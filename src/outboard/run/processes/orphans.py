"""What becomes of a program when the run that started it is killed: it is ended, with all that it started.

On POSIX a shell waits beside it at a pipe that only the run holds. When the pipe closes, whatever the reason,
the shell becomes this module, as a program of its own. Windows ends a job with the process that holds it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psutil

from outboard.host.processes import SAME_START, process_identity
from outboard.run.processes.group import ProcessGroup

__all__ = ["ended_with_this_process"]

GRACE: Final = 5.0
"""Seconds between the request to stop and the end by force."""
POLL: Final = 0.05
OVER: Final = b"over\n"
WAIT_AT_PIPE: Final = """
trap '' INT QUIT TERM HUP
read -r said
[ "$said" = over ] || exec "$@"
"""


@contextmanager
def ended_with_this_process(leader: int) -> Iterator[None]:
    """While the block runs, let the program `leader`, which leads a group, end when this process does.

    Where there is no shell, nobody looks after it.
    """
    if sys.platform == "win32":
        yield
        return
    watch = _start_watch(leader)
    try:
        yield
    finally:
        if watch is not None:
            watch.communicate(OVER)


def _start_watch(leader: int) -> subprocess.Popen[bytes] | None:
    try:
        started = process_identity(leader).started
        heir = [sys.executable, "-P", "-m", __name__, str(leader), repr(started)]
        return subprocess.Popen(
            ["/bin/sh", "-c", WAIT_AT_PIPE, "outboard", *heir],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (psutil.Error, FileNotFoundError):  # it has ended already; there is no shell
        return None


def end(leader: int, started: float) -> None:
    """Stop the group of the process `leader`, unless that number is another process's by now."""
    if _is_another(leader, started):
        return
    group = ProcessGroup(leader)
    members = group.members()
    group.ask_to_stop(members)
    deadline = time.monotonic() + GRACE
    while group.is_alive(members) and time.monotonic() < deadline:
        time.sleep(POLL)
    group.kill(members)


def _is_another(number: int, started: float) -> bool:
    try:
        return abs(process_identity(number).started - started) > SAME_START
    except psutil.Error:
        return False


if __name__ == "__main__":
    end(int(sys.argv[1]), float(sys.argv[2]))
