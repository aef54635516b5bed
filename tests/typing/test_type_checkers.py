"""The public API as type checkers see it: right code passes, and wrong code is caught where it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
FLAGS = ["--strict", "--no-incremental", "--config-file=", "--no-error-summary", "--hide-error-context"]


def _mypy(path: Path) -> dict[int, str]:
    done = _run("-m", "mypy", *FLAGS, "--python-executable", sys.executable, str(path))
    found = re.findall(r"^.+?\.py:(\d+): error: (.+)$", done, re.MULTILINE)
    return {int(line): message for line, message in found}


def _pyright(path: Path) -> dict[int, str]:
    report = json.loads(_run("-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(path)))
    errors = [item for item in report["generalDiagnostics"] if item["severity"] == "error"]
    return {item["range"]["start"]["line"] + 1: item["message"] for item in errors}


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


Check: TypeAlias = Callable[[Path], dict[int, str]]

CHECKERS = [pytest.param(_mypy, id="mypy"), pytest.param(_pyright, id="pyright")]


@pytest.mark.parametrize("check", CHECKERS)
def test_right_code_passes(check: Check) -> None:
    assert check(CASES / "right.py") == {}


@pytest.mark.parametrize("check", CHECKERS)
def test_wrong_code_is_caught_where_it_stands(check: Check, tmp_path: Path) -> None:
    # The file tells mypy to look away, because it is checked with everything else; here it must not.
    text = (CASES / "wrong.py").read_text(encoding="utf-8").replace("# mypy: ignore-errors", "#")
    path = tmp_path / "wrong.py"
    path.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    marked = {number for number, line in enumerate(lines, start=1) if "# wrong" in line}
    assert check(path).keys() == marked
