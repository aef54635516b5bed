"""Running the programs that build the cluster and that it is made of."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engines.problem import EngineProblem

APART = ("unshare", "--mount", "--fork", "--kill-child")
"""Runs a command whose mounts nobody else sees, and that leaves no process behind."""


def run(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: Path | None = None,
) -> None:
    """Run `command` to its end, its messages in `log`; what it prints goes to the file `output`, if given.

    Raises EngineProblem with the end of the log.
    """
    with log.open("ab") as messages, output.open("wb") if output else messages as printed:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=messages,
            check=False,
        )
    if done.returncode != 0:
        raise EngineProblem("\n".join([f"`{command[0]}` failed; the end of {log}:", *last_lines(log)]))


def last_lines(log: Path, count: int = 15) -> list[str]:
    """The end of a log: what a person needs to see of it."""
    if not log.is_file():
        return []
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Alone among the processes that ask for `file`, which is made where it is missing. On Linux only."""
    import fcntl  # Windows has none, and reads this module for the catalogue of engines

    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
