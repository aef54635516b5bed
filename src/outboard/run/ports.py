"""Which ports of this machine are free, and who has the others."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePath
from typing import Final, Protocol

import psutil

from outboard.errors import PortTaken

__all__ = ["MachinePorts", "Ports", "describe_process", "port_taken"]

LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
LAST_PORT: Final = 65535
UNKNOWN_OWNER: Final = "another process (of another user, so that its name cannot be seen)"


class Ports(Protocol):
    """The ports of a machine, as a plan asks about them."""

    def owner(self, port: int) -> str | None:
        """Who listens on `port` of the loopback interface, as a phrase; None where it is free."""
        ...

    def pick(self, first: int, avoid: Collection[int]) -> int:
        """A free port, `first` or the next one after it that is not in `avoid`."""
        ...


class MachinePorts:
    """The ports of the machine that this runs on."""

    def owner(self, port: int) -> str | None:
        return None if _is_free(port) else _owner(port)

    def pick(self, first: int, avoid: Collection[int]) -> int:
        candidates = (port for port in range(first, LAST_PORT + 1) if port not in avoid and _is_free(port))
        port = next(candidates, None)
        if port is None:
            raise PortTaken(first, "a sidecar", "others, as all the ports above it", "--dapr-http-port")
        return port


def port_taken(port: int, purpose: str, option: str) -> PortTaken:
    """The error that names the owner of `port`, wanted for `purpose` and set by `option`."""
    return PortTaken(port, purpose, MachinePorts().owner(port) or "a process that has just ended", option)


def describe_process(name: str, command: Sequence[str], pid: int) -> str:
    """A process as a person knows it: its program, or the script or module of an interpreter.

    Further arguments may hold secrets and stay out.
    """
    if not command:
        return f"{name or 'a process'} (process {pid})"
    program, *arguments = command
    words = [PurePath(program).name]
    if words[0].lower().startswith(("python", "node", "java", "ruby", "deno", "dotnet")):
        words += _first_words(arguments)
    return f"{' '.join(words)} (process {pid})"


def _first_words(arguments: Sequence[str]) -> list[str]:
    """The module or the script among an interpreter's arguments."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "-m":
            return [argument, next(rest, "")]
        if argument in {"-c", "-e"}:
            return [argument]
        if argument in {"-X", "-W"}:
            next(rest, "")
        elif not argument.startswith("-"):
            return [PurePath(argument).name]
    return []


def _is_free(port: int) -> bool:
    # Connecting too: macOS lets a second socket bind the loopback address of a port that is open on all.
    return all(_can_bind(family, host, port) for family, host in LOOPBACK) and not _answers(port)


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform == "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError:
        return os.name == "posix"  # a privileged port is not a taken one; the bind itself will tell
    except OSError:
        return family == socket.AF_INET6 and not _has_ipv6()
    return True


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _owner(port: int) -> str:
    pid = next((pid for local, pid in _listening() if local == port and pid), None)
    if pid is None:
        return UNKNOWN_OWNER
    try:
        process = psutil.Process(pid)
        return describe_process(process.name(), process.cmdline(), pid)
    except psutil.Error:
        return f"process {pid}"


def _listening() -> Iterable[tuple[int, int | None]]:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows all of them to root only
        yield from _listening_of_own_processes()
        return
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            yield connection.laddr.port, connection.pid


def _listening_of_own_processes() -> Iterable[tuple[int, int | None]]:
    for process in psutil.process_iter():
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN and connection.laddr:
                yield connection.laddr.port, process.pid
