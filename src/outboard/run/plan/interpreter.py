"""Which program a command means.

Where no other virtual environment is active, `python` (and tools such as `uvicorn`) are those of the
environment that `outboard` itself runs in, so that `.venv/bin/outboard run` needs no activation. An active
environment counts for more: then PATH decides, as in any shell.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.errors import CommandError

__all__ = ["Interpreter", "program_path", "this_interpreter"]

ASGI_APP: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""`module:app`, as servers are told."""
PYTHON_NAMES: Final = frozenset({"python", "python3", "python.exe", "python3.exe"})


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python: the path of its executable, and the folder of its environment."""

    executable: Path
    prefix: Path

    def is_hidden_by(self, environment: Mapping[str, str]) -> bool:
        """Whether another virtual environment than this one is active in `environment`."""
        active = environment.get("VIRTUAL_ENV", "")
        return bool(active) and Path(active) != self.prefix

    def command(self, command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
        """`command` with `python` replaced by this interpreter, unless it is hidden."""
        if command and command[0] in PYTHON_NAMES and not self.is_hidden_by(environment):
            return (str(self.executable), *command[1:])
        return command

    def search_path(self, environment: Mapping[str, str], separator: str) -> str:
        """PATH with the scripts of this interpreter's environment first, unless it is hidden."""
        path = environment.get("PATH", "")
        if self.is_hidden_by(environment):
            return path
        return separator.join(part for part in (str(self.executable.parent), path) if part)


def this_interpreter() -> Interpreter:
    """The one that runs this program."""
    return Interpreter(Path(sys.executable), Path(sys.prefix))


def program_path(command: tuple[str, ...], directory: Path, environment: Mapping[str, str], app: str) -> str:
    """The path of the program that `command` starts in `directory`; `app` is how to call it in a message.

    Raises CommandError where there is none.
    """
    name = command[0]
    # Windows looks for a relative program in this process's folder, not in the one it is to start in.
    place = str(directory / name) if _has_folder(name) else name
    found = shutil.which(place, path=environment.get("PATH"))
    if found is None:
        advice = _instead_of(command) or (
            f"It is looked for from {directory} and on PATH: correct the command, or install it."
        )
        raise CommandError(f"{app} cannot be started: there is no program {name!r}", advice)
    return found


def _instead_of(command: tuple[str, ...]) -> str:
    """What to write where `command` begins with what Python programs are given; else empty."""
    if ASGI_APP.fullmatch(command[0]):
        return f"A server serves an app: write `python -m uvicorn {' '.join(command)} --port PORT`."
    if command[0].endswith(".py"):
        return f"Write `python {' '.join(command)}`."
    return ""


def _has_folder(name: str) -> bool:
    """Whether `name` says where the program is, as `./run.sh` does: a path forgets its `./`."""
    return any(separator in name for separator in (os.sep, os.altsep) if separator)
