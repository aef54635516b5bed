"""Whose process listens on a port: for the error that says it is taken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePath
from typing import Final, NamedTuple

import psutil

__all__ = ["OpenPort", "describe_process", "listeners", "named", "owner_of", "owners_besides", "ports_of"]

UNKNOWN_OWNER: Final = "another process, whose name cannot be seen"
LOCAL: Final = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"})
"""Where loopback is listened on: a process that has the port at another address has nothing to do with it."""


class OpenPort(NamedTuple):
    """An open port: the process is None where it is not told, as that of another user."""

    address: str
    port: int
    pid: int | None


def owner_of(port: int) -> str:
    """The process that listens on `port` of loopback now, as a phrase that names it where it is known."""
    pid = _holder(port)
    if pid is None:
        return UNKNOWN_OWNER
    described = named(pid)
    return described if _holder(port) == pid else UNKNOWN_OWNER  # it may have ended while it was looked at


def owners_besides(process: int, ports: Collection[int]) -> dict[int, str]:
    """Who else than `process` and its children listens on which of `ports` of loopback, where it is known."""
    here = [each for each in listeners() if each.port in ports and each.address in LOCAL]
    others = {each.port: each.pid for each in here if each.pid and process not in _ancestors(each.pid)}
    return {port: named(pid) for port, pid in others.items()}


def ports_of(process: int) -> list[int]:
    """The ports of loopback on which `process` or one of its children listens, as far as it is known."""
    here = (each for each in listeners() if each.address in LOCAL and each.pid)
    return sorted({each.port for each in here if each.pid and process in _ancestors(each.pid)})


def _ancestors(pid: int) -> list[int]:
    """`pid` and those that started it, one by the other."""
    try:
        return [pid, *(parent.pid for parent in psutil.Process(pid).parents())]
    except psutil.Error:
        return [pid]


def _holder(port: int) -> int | None:
    at_port = (each for each in listeners() if each.port == port and each.address in LOCAL)
    return next((each.pid for each in at_port if each.pid), None)


def named(pid: int) -> str:
    """The process `pid`, as a phrase."""
    try:
        process = psutil.Process(pid)
        return describe_process(process.name(), process.cmdline(), pid)
    except psutil.Error:
        return f"process {pid}"


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


def listeners() -> Iterable[OpenPort]:
    """The open TCP ports of this machine, as far as this user may see them."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows all of them to root only
        yield from _of_own_processes()
        return
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            yield OpenPort(connection.laddr.ip, connection.laddr.port, connection.pid)


def _of_own_processes() -> Iterable[OpenPort]:
    for process in psutil.process_iter():
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN and connection.laddr:
                yield OpenPort(connection.laddr.ip, connection.laddr.port, process.pid)
