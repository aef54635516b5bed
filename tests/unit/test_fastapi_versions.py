"""Which versions of FastAPI are tried, and what their environments are kept to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import dev
from requirements import fastapi_versions
from requirements.fastapi_versions import BEHIND, last_minors, tried_with, without
from requirements.trials import TESTS, TrialProblem

LISTING = """\
fastapi (0.100.1)
Available versions: 0.100.1, 0.100.0, 0.99.1, 0.98.0, 0.9.1
  INSTALLED: 0.98.0
"""


def test_the_newest_minor_versions_are_found_by_their_numbers() -> None:
    assert last_minors(LISTING, 3) == ["0.100", "0.99", "0.98"]
    assert last_minors(LISTING, 1) == ["0.100"]


@pytest.mark.parametrize("listing", ["", "Available versions: 0.100.1, 0.100.0"])
def test_an_index_that_tells_too_little_is_an_error(listing: str) -> None:
    with pytest.raises(TrialProblem, match="does not tell which versions"):
        last_minors(listing, 3)


def test_the_constraints_say_nothing_of_what_is_tried() -> None:
    kept = without(
        "anyio==4.1\nfastapi==0.165.0\nfastapi-cli==0.1 ; x\nstarlette==1.0\n", ["fastapi", "starlette"]
    )
    assert kept == "anyio==4.1\nfastapi-cli==0.1 ; x\n"
    text = (dev.ROOT / dev.CONSTRAINTS).read_text(encoding="utf-8")
    assert not re.search(r"^(fastapi|starlette)==", without(text, fastapi_versions.FREE), re.MULTILINE)


@pytest.mark.parametrize(("failing", "code"), [("", 0), ("0.99", 1)])
def test_each_version_is_tried_also_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, code: int
) -> None:
    called: list[list[str]] = []

    def call(command: Sequence[str], **_: object) -> int:
        called.append(list(command))
        return int(bool(failing) and failing in command[0])

    def listing(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, LISTING, "")

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(subprocess, "run", listing)
    (tmp_path / "bin").mkdir()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "constraints.txt").write_text("fastapi==0.98.0\n", encoding="utf-8")
    python = tmp_path / "bin" / "python"
    said: list[str] = []
    assert tried_with(tmp_path, python, {}, BEHIND, [], said.append) == code
    installed = [command[-1] for command in called if "install" in command]
    assert installed == ["fastapi==0.100.*", "fastapi==0.99.*", "fastapi==0.98.*"]
    tested = [command for command in called if "pytest" in command]
    assert [command[-3:] for command in tested] == [[*TESTS, "-q"]] * 3
    assert sum(text.startswith("passed") for text in said) == 3 - code
