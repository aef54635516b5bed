"""Whose a file is. Pure.

A generated file says in its first line that it is, and has the hash of the rest. While the hash fits it is
the command's, and is written again or removed. Once edited, or where it never was generated, it is theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Decision", "FileState", "decided", "is_own", "marked"]

HEAD: Final = re.compile(r"# Written by `outboard manifests`, [^\n]*\(sha256:(?P<hash>[0-9a-f]{16})\)\n")
SENTENCE: Final = "# Written by `outboard manifests`, which leaves this file alone once you have edited it"


class FileState(StrEnum):
    """What becomes of a file."""

    written = "written"
    changed = "changed"
    unchanged = "unchanged"
    kept = "kept"
    removed = "removed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one file; `text` is what it is to hold, None where it stays, or goes away."""

    name: str
    state: FileState
    text: str | None = None


def marked(text: str) -> str:
    """`text` as a generated file: with the line that says so."""
    return f"{SENTENCE} (sha256:{_hash(text)})\n{text}"


def is_own(text: str) -> bool:
    """Whether a file is as it was generated. Line ends do not count: git may change them."""
    text = text.replace("\r\n", "\n")
    head = HEAD.match(text)
    return head is not None and head["hash"] == _hash(text[head.end() :])


def decided(
    wanted: Mapping[str, str], there: Mapping[str, str], once: Mapping[str, str], *, force: bool
) -> tuple[Decision, ...]:
    """What becomes of each file.

    `wanted` are the generated files by name, not marked yet, and `there` those of the folder. `once` are
    written where there are none, and are then the person's. With `force` edited files are written again.
    """
    decisions = [_decision(name, marked(text), there.get(name), force=force) for name, text in wanted.items()]
    for name, text in once.items():
        state = FileState.unchanged if name in there else FileState.written
        decisions.append(Decision(name, state, None if name in there else text))
    for name, text in there.items():
        if name not in wanted and name not in once and HEAD.match(text.replace("\r\n", "\n")):
            decisions.append(Decision(name, FileState.removed if is_own(text) else FileState.kept))
    return tuple(sorted(decisions, key=lambda each: each.name))


def _decision(name: str, text: str, before: str | None, *, force: bool) -> Decision:
    if before is None:
        return Decision(name, FileState.written, text)
    if before.replace("\r\n", "\n") == text:
        return Decision(name, FileState.unchanged)
    if is_own(before) or force:
        return Decision(name, FileState.changed, text)
    return Decision(name, FileState.kept)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
