"""Environments that hold the wheel of this clone, what it depends on, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import dev

__all__ = ["build", "environment_with", "install", "run"]


def build(folder: Path) -> Path:
    """The wheel of this clone, in `folder`."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, dev.ROOT)
    (built,) = folder.glob("*.whl")
    return built


def environment_with(
    wheel: Path, folder: Path, extras: Iterable[str] = (), others: Iterable[str] = ()
) -> Path:
    """A new environment at `folder` with `wheel`, its `extras`, and the `others` from the index.

    Its pip is this one's: to install another takes longer than the rest.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    wanted = f"outboard[{','.join(extras)}] @ {wheel.as_uri()}"
    install(folder, wanted, *others)
    return folder


def install(venv: Path, *wanted: str) -> None:
    """Install what is `wanted`, as pip names it, into `venv`."""
    run(sys.executable, "-m", "pip", "--python", dev.python_of(venv), "install", "--quiet", *wanted)


def run(*command: object, venv: Path | None = None, cwd: Path | None = None) -> str:
    """What `command` prints; a failure shows it all."""
    environment = dev.environment_for(os.environ, venv) if venv else None
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{command} answered {done.returncode}:\n{done.stdout}"
    return done.stdout
