"""Environments that hold the wheel of this clone, what it depends on, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import dev
from requirements.locking import as_uv

__all__ = ["build", "environment_with", "install", "install_by_uv", "run"]


def build(folder: Path) -> Path:
    """The wheel of this clone, in `folder`."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, dev.ROOT)
    (built,) = folder.glob("*.whl")
    return built


def environment_with(
    wheel: Path,
    folder: Path,
    extras: Iterable[str] = (),
    others: Iterable[str] = (),
    *,
    by: Callable[..., None] | None = None,
) -> Path:
    """A new environment at `folder` with `wheel`, its `extras`, and the `others` from the index.

    `by` installs them: `install` unless given.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    wanted = f"outboard[{','.join(extras)}] @ {wheel.as_uri()}"
    (by or install)(folder, wanted, *others)
    return folder


def install(venv: Path, *wanted: str) -> None:
    """Install what is `wanted`, as pip names it, into `venv`.

    The pip is this one's: to install another takes longer than the rest.
    """
    run(sys.executable, "-m", "pip", "--python", dev.python_of(venv), "install", "--quiet", *wanted)


def install_by_uv(venv: Path, *wanted: str) -> None:
    """As `install`, from the same index within the same constraints, for a tenth of the CPU time."""
    command = (sys.executable, "-m", "uv", "pip", "install", "--python", dev.python_of(venv), "--quiet")
    run(*command, *wanted, environment=as_uv(os.environ))


def run(
    *command: object,
    venv: Path | None = None,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """What `command` prints; a failure shows it all. In a `venv` the environment is made for it."""
    if venv:
        environment = dev.environment_for(os.environ, venv)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # uv leaves it to the first import
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
