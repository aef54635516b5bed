"""Which Pythons of this machine are found, and what is said of those that are not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from requirements import python_versions
from requirements.locking import PYTHONS
from requirements.python_versions import candidates, found_pythons, tried_with
from requirements.trials import Trial, TrialProblem

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def installed(folder: Path, *versions: str) -> None:
    for version in versions:
        (folder / "versions" / version / "bin").mkdir(parents=True)


def test_the_newest_of_pyenv_comes_first_and_what_is_no_release_not_at_all(tmp_path: Path) -> None:
    installed(tmp_path / ".pyenv", "3.12.9", "3.12.10", "3.12-dev", "3.13.0")
    found = list(candidates("3.12", {"PATH": ""}, tmp_path))
    versions = tmp_path / ".pyenv" / "versions"
    assert found == [[str(versions / each / "bin" / "python")] for each in ("3.12.10", "3.12.9")]


def test_pyenv_may_be_elsewhere_and_is_otherwise_on_windows(tmp_path: Path) -> None:
    own, windows = tmp_path / "own", tmp_path / ".pyenv" / "pyenv-win"
    installed(own, "3.12.1")
    assert [Path(each[0]).parts[-3] for each in candidates("3.12", {"PYENV_ROOT": str(own)}, tmp_path)] == [
        "3.12.1"
    ]
    program = windows / "versions" / "3.12.4" / "python.exe"
    program.parent.mkdir(parents=True)
    program.touch()
    assert list(candidates("3.12", {"PATH": ""}, tmp_path)) == [[str(program)]]


def test_a_program_counts_only_if_it_is_of_that_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shim of pyenv, which is there for each version, and starts one of them only."""
    absent = [str(tmp_path / "python")]
    monkeypatch.setattr(python_versions, "candidates", lambda *_: iter([absent, [sys.executable]]))
    assert found_pythons([OWN, "3.99"], {}, tmp_path) == {OWN: Path(sys.executable)}


class Tried:
    """Stands in for the trials, and remembers them."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []

    def __call__(self, *arguments: object) -> int:
        trials = arguments[3]
        self.trials = list(trials)  # type: ignore[call-overload]
        return 0


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Tried:
    made = Tried()
    monkeypatch.setattr(python_versions, "tried", made)
    monkeypatch.setattr(
        python_versions,
        "found_pythons",
        lambda versions, *_: {each: Path(each) for each in versions if each in ("3.12", "3.13")},
    )
    return made


def try_out(folder: Path, versions: list[str], said: list[str]) -> int:
    return tried_with(folder, folder / "bin" / "python", {"PATH": ""}, versions, [], said.append)


def test_what_is_not_there_is_told(tmp_path: Path, trials: Tried) -> None:
    said: list[str] = []
    assert try_out(tmp_path, [], said) == 0
    assert [each.name for each in trials.trials] == ["Python 3.12", "Python 3.13"]
    assert len({each.venv for each in trials.trials}) == 2
    assert [text.partition(",")[0] for text in said] == [
        f"not tried: Python {each}" for each in PYTHONS if each not in ("3.12", "3.13")
    ]


def test_one_that_was_named_has_to_be_there(tmp_path: Path, trials: Tried) -> None:
    with pytest.raises(TrialProblem, match=r"no Python 3\.14 on PATH"):
        try_out(tmp_path, ["3.13", "3.14"], [])
    assert not trials.trials
    assert try_out(tmp_path, ["3.13"], []) == 0
    assert [each.name for each in trials.trials] == ["Python 3.13"]


def test_a_machine_without_any_is_told_so(
    tmp_path: Path, trials: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_versions, "found_pythons", lambda *_: {})
    with pytest.raises(TrialProblem, match="Install it, or leave it out"):
        try_out(tmp_path, [], [])


def test_the_environment_of_the_clone_is_no_python_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []

    def found(versions: object, environment: dict[str, str], home: Path) -> dict[str, Path]:
        seen.append(environment)
        return {}

    monkeypatch.setattr(python_versions, "found_pythons", found)
    own = tmp_path / "bin" / "python"
    path = f"{own.parent}{os.pathsep}/usual"
    with pytest.raises(TrialProblem):
        tried_with(tmp_path, own, {"PATH": path, "VIRTUAL_ENV": str(tmp_path)}, [], [], print)
    assert seen == [{"PATH": "/usual"}]
