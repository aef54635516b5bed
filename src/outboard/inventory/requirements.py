"""What a distribution asks for, read from its metadata. Pure.

Source: Python's "Core metadata specifications" (`Requires-Dist`) and "Dependency specifiers".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Requirement", "requirements"]

NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
EXTRA: Final = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package with the versions that are asked for, for `extra` only where that is not empty."""

    name: str
    asked: str
    extra: str


def requirements(lines: Iterable[str]) -> tuple[Requirement, ...]:
    """Those of `Requires-Dist` lines, in order. Raises ValueError for a line that begins with no name."""
    return tuple(map(_requirement, lines))


def _requirement(line: str) -> Requirement:
    wanted, _, marker = line.partition(";")
    name = NAME.match(wanted.strip())
    if name is None:
        raise ValueError(f"no requirement: {line!r}")
    extra = EXTRA.search(marker)
    return Requirement(name[0], wanted.strip()[name.end() :].strip(), extra[1] if extra else "")
