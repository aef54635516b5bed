"""Whose process listens on a port: for the error that says it is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final

import psutil

__all__ = ["describe_process", "owner_of"]

UNKNOWN_OWNER: Final = "another process (of another user, so that its name cannot be seen)"


def owner_of(port: int) -> str:
    """The process that listens on `port`, as a phrase."""
    pid = next((pid for local, pid in _listening() if local == port and pid), None)
    if pid is None:
        return UNKNOWN_OWNER
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
