"""The page of `outboard doctor` has a section for each check that there is, and for no other."""

from __future__ import annotations

import re
from pathlib import Path

import dev
from outboard.doctor.output.problems import PROBLEMS

PAGE = dev.ROOT / "docs" / "reference" / "doctor.md"
CHECKS = dev.ROOT / "src" / "outboard" / "doctor" / "checks"
CODE = re.compile(
    r'"((?:run|app|sidecar|component|subscribe|subscription|topic|route|broker|event|group|dead|outbox|canary|'
    r"cluster|control|pod|injection|resource|service|log)"
    r'(?:-[a-z]+)+)"'
)


def codes(folder: Path) -> set[str]:
    found = [CODE.findall(path.read_text(encoding="utf-8")) for path in folder.glob("*.py")]
    return {code for each in found for code in each}


def test_each_check_has_its_section_and_each_section_its_check() -> None:
    sections = re.findall(r"^### ([a-z-]+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(sections) == len(set(sections))
    assert set(sections) == codes(CHECKS)
    assert len(sections) >= 30


def test_each_check_says_what_is_so_where_it_finds_something() -> None:
    assert set(PROBLEMS) == codes(CHECKS)
