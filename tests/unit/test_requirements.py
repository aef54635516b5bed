"""The constraints file fits pyproject.toml, works on every platform, and tells nothing of a machine."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dev
from requirements.locking import PYTHONS, Unresolvable, lock

PYPROJECT = tomllib.loads((dev.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEXT = (dev.ROOT / dev.CONSTRAINTS).read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
WITHOUT_LOCK = {"benchmarks"}
"""What no command of dev.py installs."""


def asked() -> list[Requirement]:
    """Everything that pyproject.toml names and dev.py installs, or builds the package with."""
    project = PYPROJECT["project"]
    groups = {name: each for name, each in PYPROJECT["dependency-groups"].items() if name not in WITHOUT_LOCK}
    lists = [
        PYPROJECT["build-system"]["requires"],
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *groups.values(),
    ]
    return [Requirement(each) for some in lists for each in some]


@pytest.mark.parametrize("wanted", asked(), ids=str)
def test_what_is_asked_for_has_a_version_that_is_allowed(wanted: Requirement) -> None:
    """If this fails: python3 dev.py lock."""
    name = canonicalize_name(wanted.name)
    locked = [each for each in map(Requirement, LINES) if canonicalize_name(each.name) == name]
    assert locked, f"{wanted.name} has no version: python3 dev.py lock"
    for each in locked:
        (version,) = [one.version for one in each.specifier]
        assert wanted.specifier.contains(version, prereleases=True), f"{each}: python3 dev.py lock"


def test_every_line_is_a_name_a_version_and_at_most_a_marker() -> None:
    for line in LINES:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.+!]+( ; [\w =!<>.'()]+)?", line), line
    assert "://" not in TEXT


def test_what_is_for_one_system_alone_has_its_marker() -> None:
    markers = {each.name: str(each.marker) for each in map(Requirement, LINES) if each.marker}
    assert "win32" in markers["uvloop"]
    assert "win32" in markers["tzdata"]


def test_the_oldest_python_is_among_those_that_are_looked_at() -> None:
    assert PYTHONS[0] == ".".join(map(str, dev.MINIMUM))


def test_what_does_not_fit_together_is_told(tmp_path: Path) -> None:
    """uv stands in here as a module that fails: no index is asked."""
    (tmp_path / "uv.py").write_text("raise SystemExit('no version of a fits b')", encoding="utf-8")
    with pytest.raises(Unresolvable, match="no version of a fits b"):
        lock(tmp_path, Path(sys.executable), {"PYTHONPATH": str(tmp_path)}, tmp_path / "c.txt", upgrade=False)
