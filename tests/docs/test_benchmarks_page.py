"""The page of benchmarks has no figure of its own: each row of its tables stands beside the programs, too."""

from __future__ import annotations

import re

import dev

PAGE = (dev.ROOT / "docs" / "explanation" / "benchmarks.md").read_text(encoding="utf-8")
KEPT = (dev.ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_each_row_is_one_that_was_measured() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    assert len(rows) > 15
    assert [row for row in rows if row not in KEPT.splitlines()] == []


def test_each_command_is_there_and_stands_beside_its_figures() -> None:
    commands = re.findall(r"`python (benchmarks/(\w+\.py)([^`]*))`", PAGE)
    assert len(commands) >= 5
    for _, program, arguments in commands:
        assert (dev.ROOT / "benchmarks" / program).is_file()
        assert f"`{program}{arguments}`" in KEPT
