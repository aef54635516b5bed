"""The tests with each Python of the range that this machine has, each in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from requirements.locking import PYTHONS
from requirements.trials import Trial, TrialProblem, tried

__all__ = ["candidates", "found_pythons", "tried_with"]

PROGRAM = "import sys; print('.'.join(map(str, sys.version_info[:2])), sys.executable, sep='\\n')"


def candidates(version: str, environment: Mapping[str, str], home: Path) -> Iterator[list[str]]:
    """The commands that may start a Python of `version` ("3.12"): on PATH, by Windows' launcher, in pyenv.

    Of pyenv's the newest comes first.
    """
    path = environment.get("PATH", "")
    for command in ([f"python{version}"], ["py", f"-{version}"]):
        if shutil.which(command[0], path=path):
            yield command
    root = environment.get("PYENV_ROOT")
    folders = [Path(root)] if root else [home / ".pyenv", home / ".pyenv" / "pyenv-win"]
    for folder in folders:
        installed = [each for each in folder.glob(f"versions/{version}.*") if _patch(each).isdigit()]
        for each in sorted(installed, key=lambda each: int(_patch(each)), reverse=True):
            program = each / "python.exe" if (each / "python.exe").exists() else each / "bin" / "python"
            yield [str(program)]


def _patch(folder: Path) -> str:
    return folder.name.rpartition(".")[2]


def found_pythons(versions: Sequence[str], environment: Mapping[str, str], home: Path) -> dict[str, Path]:
    """Version → its program, for those of `versions` that there are."""
    found = {}
    for version in versions:
        programs = (_answered(each, version, environment) for each in candidates(version, environment, home))
        if program := next(filter(None, programs), None):
            found[version] = program
    return found


def _answered(command: Sequence[str], version: str, environment: Mapping[str, str]) -> Path | None:
    """The program that `command` starts, if that is a Python of `version`.

    A shim of pyenv is there for each version that somebody has, and starts only the one that is chosen.
    """
    try:
        done = subprocess.run(
            [*command, "-c", PROGRAM],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except OSError:
        return None
    answer = done.stdout.splitlines()
    return Path(answer[1]) if done.returncode == 0 and len(answer) == 2 and answer[0] == version else None


def tried_with(
    root: Path,
    python: Path,
    environment: Mapping[str, str],
    versions: Sequence[str],
    rest: Sequence[str],
    say: Callable[[str], None],
) -> int:
    """Run the tests (`rest` goes to pytest) with each of `versions` that there is: 1 if one failed.

    `versions` may be empty, for all that Outboard supports; those that are named have to be there. `python`
    is that of the clone's environment, which has uv. Raises TrialProblem.
    """
    outside = {name: value for name, value in environment.items() if name != "VIRTUAL_ENV"}
    outside["PATH"] = _without_folder(environment.get("PATH", ""), python.parent)
    found = found_pythons(versions or PYTHONS, outside, Path.home())
    missing = [version for version in versions or PYTHONS if version not in found]
    where = "on PATH, in pyenv, or by the launcher `py`"
    if missing and (versions or not found):
        raise TrialProblem(f"no Python {' and no '.join(missing)} {where}. Install it, or leave it out.")
    folder = python.parent.parent / "pythons"
    folder.mkdir(exist_ok=True)
    kept_to = root / "requirements" / "constraints.txt"
    trials = (Trial(f"Python {each}", folder / each, program, kept_to) for each, program in found.items())
    code = tried(root, python, environment, trials, rest, say)
    for each in missing:
        say(f"not tried: Python {each}, which is not {where}")
    return code


def _without_folder(path: str, folder: Path) -> str:
    """`path` without the clone's environment, whose Python is no other one."""
    return os.pathsep.join(each for each in path.split(os.pathsep) if each and Path(each) != folder)
