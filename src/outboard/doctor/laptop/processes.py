"""The processes of this machine: whose ports are open, and what an app is busy with."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import psutil

from outboard.doctor.evidence import ProcessSeen
from outboard.doctor.laptop.local_app import LocalApp
from outboard.host.owners import OpenPort, listeners, named
from outboard.host.processes import is_running

__all__ = ["OpenPorts", "environment_of", "process_of"]

SAMPLING: Final = 1.0
BETWEEN: Final = 0.01
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})


class OpenPorts:
    """The ports that were open when this was made."""

    def __init__(self) -> None:
        self._listeners = list(listeners())

    def of(self, pids: Iterable[int]) -> tuple[int, ...]:
        wanted = set(pids)
        return tuple(sorted({each.port for each in self._listeners if each.pid in wanted}))

    def owner(self, port: int) -> tuple[int, str]:
        """The process that listens on `port`, 0 where it is not told, and how to call it."""
        pid = next((each.pid for each in self._on(port) if each.pid), 0)
        return pid, named(pid) if pid else ""

    def exposed(self, port: int) -> str:
        """The addresses other than loopback on which `port` is open."""
        found = {each.address for each in self._on(port)} - LOOPBACK
        return ", ".join(sorted(found))

    def _on(self, port: int) -> list[OpenPort]:
        return [each for each in self._listeners if each.port == port]


def process_of(target: LocalApp, ports: OpenPorts) -> ProcessSeen:
    """The process of an app: that of its run, or the one that has its port. Takes a moment."""
    app = target.app
    pid = app.pid or ports.owner(app.app_port)[0]
    try:
        process = psutil.Process(pid) if pid else None
        if process is None or not is_running(process):
            return ProcessSeen(exit_code=app.exit_code)
        family = [pid, *(each.pid for each in process.children(recursive=True))]
        started = datetime.fromtimestamp(process.create_time(), UTC)
    except psutil.Error:  # it has just ended
        return ProcessSeen(exit_code=app.exit_code)
    found = ProcessSeen(pid, ports.of(family), started=started)
    if app.pid and app.app_port and app.app_port not in found.ports:
        return replace(found, asks_sidecar=_calls(family, {app.http_port, app.grpc_port}))
    return found


def environment_of(target: LocalApp) -> dict[str, str]:
    """The variables of its sidecar, or of the app: as far as this user may see them. They hold secrets."""
    variables: dict[str, str] = {}
    for pid in (target.app.sidecar_pid, target.app.pid):
        try:
            variables |= psutil.Process(pid).environ() if pid else {}
        except (psutil.Error, OSError):  # it has ended, or is another user's
            continue
    return variables


def _calls(pids: Sequence[int], ports: set[int]) -> bool:
    """Whether one of `pids` is seen calling one of `ports`, within a second.

    A connection that was closed so soon that nobody saw it stays for a while without an owner: where one
    comes to be, and nobody else calls, it was theirs.
    """
    known = {each for each, _ in _connections(pids, ports)}
    deadline = time.monotonic() + SAMPLING
    while time.monotonic() < deadline:
        if any(pid in pids or (pid is None and each not in known) for each, pid in _connections(pids, ports)):
            return True
        time.sleep(BETWEEN)
    return False


def _connections(pids: Sequence[int], ports: set[int]) -> list[tuple[tuple[int, int], int | None]]:
    """Those with one of `ports` at an end that are not listening: both ports, and the process.

    On macOS, which shows all of them to root only, those of `pids`.
    """
    try:
        every: list[tuple[Any, int | None]] = [
            (each, each.pid) for each in psutil.net_connections(kind="tcp")
        ]
    except psutil.AccessDenied:
        every = [(each, pid) for pid in pids for each in _of_process(pid)]
    ends = [((_port(each.laddr), _port(each.raddr)), pid) for each, pid in every]
    return [(both, pid) for both, pid in ends if both[1] and ports.intersection(both)]


def _of_process(pid: int) -> list[Any]:
    try:
        return psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:  # it has ended, or is another user's
        return []


def _port(address: object) -> int:
    return int(getattr(address, "port", 0))
