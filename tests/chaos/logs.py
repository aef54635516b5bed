"""The logs of a run, searched for what none of them may have in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["scanned"]


def scanned(folder: Path, secrets: Mapping[str, str]) -> tuple[int, list[str]]:
    """How many lines there are, and where one of `secrets` (text → what it is) stands: never the text."""
    count, found = 0, []
    for file in sorted(folder.glob("*.log")):
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                count += 1
                found += [
                    f"{file.name}, line {number}: {what}"
                    for secret, what in secrets.items()
                    if secret in line
                ]
    return count, found
