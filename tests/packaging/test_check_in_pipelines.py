"""The hook of pre-commit and the action of GitHub: what they run finds mistakes, and ends as it should.

Source: pre-commit, "Creating new hooks"; GitHub, "Metadata syntax for GitHub Actions" (composite actions).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import dev

HOOKS = dev.ROOT / ".pre-commit-hooks.yaml"
ACTION = dev.ROOT / "action.yml"
GOOD = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: store
spec:
  type: state.in-memory
  version: v1
"""
BAD = GOOD.replace("in-memory", "in-memori")
BASH = shutil.which("bash")


def environment(**more: str) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", **more}


def ended(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment(**more), capture_output=True, encoding="utf-8", check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"good": GOOD, "bad": BAD}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "store.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def hook() -> dict[str, Any]:
    [found] = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_hook_has_what_pre_commit_asks_for() -> None:
    assert {"id", "name", "entry", "language"} <= hook().keys()
    assert hook()["language"] == "python"
    program = shlex.split(hook()["entry"])[0]
    assert f'{program} = "' in (dev.ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_hook_fails_for_a_mistake_in_a_file_that_did_not_change(folder: Path) -> None:
    command = shlex.split(hook()["entry"])
    assert hook()["pass_filenames"] is False
    assert ended(command, folder / "good").returncode == 0
    done = ended(command, folder)
    assert done.returncode == 1
    assert "there is no component type `state.in-memori`" in done.stdout


def test_what_the_hook_installs_beside_is_what_the_extra_names() -> None:
    [beside] = hook()["additional_dependencies"]
    assert f'cel = ["{beside}"]' in (dev.ROOT / "pyproject.toml").read_text(encoding="utf-8")


def action() -> dict[str, Any]:
    found = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def step(name: str) -> dict[str, Any]:
    [found] = [each for each in action()["runs"]["steps"] if each.get("id") == name]
    assert isinstance(found, dict)
    return found


def test_no_input_is_pasted_into_a_script() -> None:
    assert action()["runs"]["using"] == "composite"
    scripts = [each["run"] for each in action()["runs"]["steps"] if "run" in each]
    assert len(scripts) == 2
    assert not any("${{" in each for each in scripts)
    given = [value for each in action()["runs"]["steps"] for value in each.get("env", {}).values()]
    assert {each.removeprefix("${{ inputs.").removesuffix(" }}") for each in given} < action()[
        "inputs"
    ].keys()


@pytest.mark.skipif(BASH is None, reason="the action's steps are for bash")
@pytest.mark.parametrize(("paths", "code"), [("good", 0), ("good bad", 1), ("none", 2)])
def test_the_check_of_the_action(folder: Path, paths: str, code: int) -> None:
    assert BASH
    flags = ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c"]  # as the runner calls it
    more = {"PATHS": paths, "ARGUMENTS": "--severity warning", "SARIF": "found.sarif"}
    done = ended([BASH, *flags, step("check")["run"]], folder, **more)
    assert done.returncode == code
    annotated = [
        line for line in done.stdout.splitlines() if line.startswith("::error file=bad/store.yaml,line=6")
    ]
    assert len(annotated) == (code == 1)
    if code < 2:
        sarif = json.loads((folder / "found.sarif").read_text(encoding="utf-8"))
        assert [each["ruleId"] for each in sarif["runs"][0]["results"]] == ["OB102"] * code


@pytest.mark.skipif(BASH is None, reason="the action's steps are for bash")
def test_the_action_installs_itself_unless_a_version_is_named(tmp_path: Path) -> None:
    """With a `python` that only writes down what it is asked for."""
    assert BASH
    makes = 'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi'
    fake = f'#!/bin/sh\n{makes}\necho "$@" >> "$LOG"\n'
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(fake, encoding="utf-8")
    (tmp_path / "bin" / "python").chmod(0o755)
    log, path = tmp_path / "log", tmp_path / "path"
    more = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_ACTION_PATH": "/the/action",
        "GITHUB_PATH": str(path),
        "LOG": str(log),
    }
    for version, wanted in (("", "/the/action[cel]"), ("0.1.0", "outboard[cel]==0.1.0")):
        done = ended([BASH, "-e", "-c", step("install")["run"]], tmp_path, VERSION=version, **more)
        assert (done.returncode, done.stderr) == (0, "")
        assert log.read_text(encoding="utf-8").splitlines()[-1].endswith(wanted)
        assert path.read_text(encoding="utf-8").splitlines()[-1] == str(
            tmp_path / "temp" / "outboard" / "bin"
        )
