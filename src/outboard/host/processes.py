"""Processes of this machine: running, ended, and told apart from a later one of the same number."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

__all__ = ["SAME_START", "ProcessIdentity", "has_ended", "is_running", "process_identity"]

SAME_START: Final = 2.0
"""Seconds by which two readings of when a process started may differ."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
PROCESS_NAMESPACE: Final = Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, as others can find it: `started` is in seconds, by what the host reckons from.

    `host` is the same for those alone that see the same processes under the same numbers; it is empty where
    that cannot be told.
    """

    host: str
    process: int
    started: float


def is_running(process: psutil.Process) -> bool:
    """Whether `process` runs: a zombie, which only waits to be collected, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def process_identity(process: int | None = None) -> ProcessIdentity:
    """This process, or that with the number `process` of this host."""
    number = os.getpid() if process is None else process
    return ProcessIdentity(_host(), number, _process(number)[1])


def has_ended(other: ProcessIdentity, here: ProcessIdentity) -> bool:
    """Whether `other` is certainly gone. What runs on another host, or in a container, cannot be told."""
    if not other.host or other.host != here.host or other.process <= 0:
        return False
    try:
        process, started = _process(other.process)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
    except psutil.NoSuchProcess:
        return not _is_hidden(other.process)
    except psutil.Error:
        return False
    return abs(started - other.started) > SAME_START


def _host() -> str:
    """Containers may share a name and not their processes, which have numbers of their own in each.

    Source: proc(5), pid_namespaces(7). Elsewhere the address of a network card stands beside the name, since
    two machines may be called alike.
    """
    name = socket.gethostname()
    if not sys.platform.startswith("linux"):
        return f"{name} {uuid.getnode():x}"
    try:
        return f"{name} {BOOT_ID.read_text('ascii').strip()} {PROCESS_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _is_hidden(number: int) -> bool:
    """Whether there is a process of another user, which /proc may not show (its option `hidepid`)."""
    if os.name != "posix":
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _process(number: int) -> tuple[psutil.Process, float]:
    """A process, and when it started: in seconds since 1970, on Linux since the host was started.

    Linux knows the latter only. Reckoned from the clock, it would be another time once that clock is set.
    """
    booted = psutil.boot_time() if psutil.LINUX else 0.0  # first: psutil 6 keeps it for what follows
    process = psutil.Process(number)
    return process, process.create_time() - booted
