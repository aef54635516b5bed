"""The page of packages has each dependency and each extra of pyproject.toml with its reason, and no other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

import dev
from requirements.locking import PYTHONS

PAGE = (dev.ROOT / "docs" / "reference" / "packages.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((dev.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def rows(section: str) -> dict[str, list[str]]:
    """The cells behind the first of each row, by the name in the first."""
    part = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    return {first.strip("`"): rest for first, *rest in lines}


def test_the_package_names_the_pythons_that_were_tried_and_no_others() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| Python |"))
    tried, not_tried = row.strip("| ").split(" | ")[1:]
    named = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if "Python :: 3." in each]
    assert re.findall(r"3\.\d+", tried) == named
    assert sorted([*named, *re.findall(r"3\.\d+", not_tried)]) == list(PYTHONS)


def names(requirements: Iterable[str]) -> set[str]:
    found = [re.match(r"[\w-]+", each) for each in requirements]
    return {each[0] for each in found if each}


def test_each_dependency_has_a_reason() -> None:
    told = rows("What is always installed")
    assert told.keys() == names(PROJECT["dependencies"])
    assert all(len(reason) > 10 for (reason,) in told.values())


def test_each_extra_is_told_with_what_it_brings_and_why() -> None:
    told = rows("Extras")
    extras = PROJECT["optional-dependencies"]
    assert told.keys() == extras.keys()
    for name, (brings, reason) in told.items():
        assert set(re.findall(r"`([\w-]+)`", brings)) == names(extras[name]), name
        assert len(reason) > 10
