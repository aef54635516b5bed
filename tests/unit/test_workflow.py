"""The workflow calls commands that there are, on every Python and system that Outboard supports."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

import dev
from requirements.fastapi_versions import BEHIND
from requirements.locking import PYTHONS

WORKFLOW = yaml.safe_load((dev.ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
SYSTEMS = ["ubuntu-latest", "macos-latest", "windows-latest"]


def runs(job: str) -> list[str]:
    """The command lines of `job`."""
    return [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]


def commands_of(text: str) -> list[str]:
    """What stands after `dev.py` in `text`."""
    return re.findall(r"^[^#\n]*python3? dev\.py (.*)$", text, re.MULTILINE)


def matrix(job: str) -> Any:
    return WORKFLOW["jobs"][job]["strategy"]["matrix"]


LINES = [line for job in WORKFLOW["jobs"] for text in runs(job) for line in commands_of(text)]
RUN = (dev.ROOT / ".ci" / "run").read_text(encoding="utf-8")
CI = commands_of(RUN)


@pytest.mark.parametrize("line", LINES + CI)
def test_every_command_is_one_of_dev_py(line: str) -> None:
    line = line.replace("${{ matrix.behind }}", "0")
    own, _ = dev.split_off(shlex.split(line))
    assert dev.parser().parse_args(own).command == own[0]


def test_both_commands_run_on_every_system_and_python() -> None:
    assert (matrix("tests")["os"], tuple(matrix("tests")["python"])) == (SYSTEMS, PYTHONS)
    assert [line for text in runs("tests") for line in commands_of(text)] == ["check", "test --all"]


def test_the_engines_are_tried_as_in_every_other_place() -> None:
    assert runs("engines")[-1] == "bash .ci/run"
    assert CI == [
        "check",
        "engines",
        'test -n 2 --dist loadfile --no-loadscope-reorder "${others[@]}"',
        'test --last-failed --last-failed-no-failures none "${others[@]}"',
        'test "${alone[@]}"',
        'test --last-failed --last-failed-no-failures none "${alone[@]}"',
    ]


def test_what_runs_alone_in_ci_exists_and_is_left_out_before() -> None:
    alone, others = (re.findall(rf"^{name}=\((.*)\)$", RUN, re.MULTILINE) for name in ("alone", "others"))
    assert all((dev.ROOT / each).exists() for each in alone[0].split())
    assert others == ['"${alone[@]/#/--ignore=}"']


def test_the_newest_and_the_oldest_packages_are_tried_by_schedule() -> None:
    assert WORKFLOW[True]["schedule"], "PyYAML reads the key `on` as true"
    assert matrix("newest")["os"] == SYSTEMS
    assert set(matrix("newest")["python"]) == {PYTHONS[0], PYTHONS[-1]}
    assert [line for job in ("newest", "lowest") for text in runs(job) for line in commands_of(text)] == [
        "test --newest",
        "check --newest",
        "test --lowest",
    ]
    for job in ("newest", "lowest"):
        assert "schedule" in WORKFLOW["jobs"][job]["if"]


def test_the_last_versions_of_fastapi_are_tried_by_schedule() -> None:
    assert tuple(matrix("fastapi")["behind"]) == BEHIND
    assert "schedule" in WORKFLOW["jobs"]["fastapi"]["if"]
    (line,) = [line for text in runs("fastapi") for line in commands_of(text)]
    assert line == "fastapi --behind ${{ matrix.behind }}"


def test_everything_ends_and_nothing_may_write() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 90 for job in WORKFLOW["jobs"].values())
