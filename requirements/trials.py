"""The tests once more, each time in an environment of its own, made by uv, that differs in one thing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TESTS", "Trial", "TrialProblem", "tried"]

TESTS = ("tests/unit", "tests/typing")


class TrialProblem(Exception):
    """An environment could not be made; the message says what to do."""


@dataclass(frozen=True)
class Trial:
    """What is tried, and where: `name` is shown ("Python 3.12"), `venv` is a folder, made anew each time."""

    name: str
    venv: Path
    interpreter: Path
    constraints: Path
    packages: tuple[str, ...] = ()
    """Those that pip is asked for beside the package and its group `dev`."""


def tried(
    root: Path,
    python: Path,
    environment: Mapping[str, str],
    trials: Iterable[Trial],
    rest: Sequence[str],
    say: Callable[[str], None],
) -> int:
    """Run the tests (`rest` goes to pytest) in each of `trials`, also after a failure: 1 if one failed.

    `python` is that of the clone's environment, which has uv. Raises TrialProblem.
    """
    outcomes = {}
    for trial in trials:
        say(f"{trial.name}: making an environment")
        own = trial.venv / python.parent.name / python.name
        _make(root, python, environment, trial, own)
        say(f"{trial.name}: the tests")
        command = [str(own), "-m", "pytest", *(rest or (*TESTS, "-q"))]
        outcomes[trial.name] = subprocess.call(command, cwd=root, env=_inside(environment, own))
    for name, code in outcomes.items():
        say(f"{'FAILED' if code else 'passed'} with {name}")
    return int(any(outcomes.values()))


def _make(root: Path, python: Path, environment: Mapping[str, str], trial: Trial, own: Path) -> None:
    packages = ["--editable", ".[dashboard,grpc,sql]", "--group", "dev", *trial.packages]
    kept_to = ["--constraint", str(trial.constraints)]
    for words in (
        ["venv", "--quiet", "--clear", "--python", str(trial.interpreter), str(trial.venv)],
        ["pip", "install", "--quiet", "--python", str(own), *kept_to, *packages],
    ):
        if subprocess.call([str(python), "-m", "uv", *words], cwd=root, env=_plain(environment)) != 0:
            raise TrialProblem(f"{trial.name} could not be set up; uv's own message stands above")


def _inside(environment: Mapping[str, str], own: Path) -> dict[str, str]:
    """`environment`, in which the commands of the environment of the Python `own` come first."""
    path = os.pathsep.join(filter(None, [str(own.parent), environment.get("PATH", "")]))
    return {**environment, "PATH": path, "VIRTUAL_ENV": str(own.parent.parent)}


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the constraints that each pip is to keep to: a trial has its own."""
    constraints = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "UV_CONSTRAINT")
    return {name: value for name, value in environment.items() if name not in constraints}
