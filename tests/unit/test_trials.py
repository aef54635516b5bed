"""The tests once more, each time in another environment: what uv and pytest are asked, and what is said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import dev
from requirements.trials import TESTS, Trial, TrialProblem, tried

PYTHON = Path("clone", ".venv", "bin", "python")


@dataclass
class Programs:
    """Stands in for what is started; a command fails where `failing` is a word of it."""

    failing: str = ""
    called: list[tuple[list[str], Mapping[str, str]]] = field(default_factory=list)

    def call(self, command: Sequence[str], *, env: Mapping[str, str], **_: object) -> int:
        self.called.append((list(command), env))
        return int(bool(self.failing) and any(self.failing in word for word in command))


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs()
    monkeypatch.setattr(subprocess, "call", made.call)
    return made


def trial(name: str) -> Trial:
    return Trial(f"Python {name}", Path("pythons", name), Path(f"python{name}"), Path("constraints.txt"))


def outcome(rest: Sequence[str], said: list[str]) -> int:
    environment = {"PATH": "usual", "PIP_CONSTRAINT": "file:constraints"}
    return tried(Path("clone"), PYTHON, environment, [trial("3.12"), trial("3.13")], rest, said.append)


def test_each_is_tried_with_its_own_interpreter(programs: Programs) -> None:
    said: list[str] = []
    assert outcome(["-x"], said) == 0
    assert said[-2:] == ["passed with Python 3.12", "passed with Python 3.13"]
    made = [command[-2:] for command, _ in programs.called if "venv" in command]
    assert made == [[f"python{name}", str(Path("pythons", name))] for name in ("3.12", "3.13")]
    tested = [command for command, _ in programs.called if "pytest" in command]
    assert tested == [
        [str(Path("pythons", name, "bin", "python")), "-m", "pytest", "-x"] for name in ("3.12", "3.13")
    ]


def test_without_a_wish_the_unit_and_typing_tests_run(programs: Programs) -> None:
    outcome([], [])
    tested = [command for command, _ in programs.called if "pytest" in command]
    assert [command[3:] for command in tested] == [[*TESTS, "-q"]] * 2
    assert all((dev.ROOT / each).is_dir() for each in TESTS)


def test_also_after_a_failure_the_next_is_tried(programs: Programs) -> None:
    programs.failing = "-x"
    said: list[str] = []
    assert outcome(["-x"], said) == 1
    assert said[-2:] == ["FAILED with Python 3.12", "FAILED with Python 3.13"]


def test_commands_of_its_own_environment_come_first(programs: Programs) -> None:
    """Tests start `outboard` by the path."""
    outcome([], [])
    seen = [env for command, env in programs.called if "pytest" in command]
    own = Path("pythons", "3.12")
    assert seen[0]["PATH"].split(os.pathsep) == [str(own / "bin"), "usual"]
    assert seen[0]["VIRTUAL_ENV"] == str(own)


def test_the_constraints_of_the_clone_do_not_reach_uv(programs: Programs) -> None:
    outcome([], [])
    seen = [env for command, env in programs.called if "uv" in command]
    assert seen
    assert not any("PIP_CONSTRAINT" in env for env in seen)


def test_an_environment_that_cannot_be_made_is_told(programs: Programs) -> None:
    programs.failing = "install"
    with pytest.raises(TrialProblem, match=r"Python 3\.12 could not be set up; uv's own message"):
        outcome([], [])
