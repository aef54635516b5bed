"""What a person wants to hear nothing of: comments in files, and settings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Final

from outboard.check.corpus import SourceFile
from outboard.check.lines import lines_of
from outboard.check.registry import UNNEEDED_IGNORE, find_rule, near_rule
from outboard.check.rule import Hit, RuleFinding
from outboard.resources.node import Span

__all__ = ["Ignores", "comments", "without_ignored"]

COMMENT: Final = re.compile(r"#\s*outboard:\s*ignore(?P<file>-file)?(?:\[(?P<rules>[^\]]*)\])?")
EVERY: Final = "*"


@dataclass(slots=True)
class IgnoreComment:
    """`# outboard: ignore[OB101]` on a line, or alone on the line before; with `ignore-file` in all of it."""

    file: str
    line: int
    column: int
    length: int
    rules: tuple[str, ...]
    whole_file: bool
    alone: bool
    used: set[str] = field(default_factory=set)

    def covers(self, finding: RuleFinding) -> bool:
        """Whether it is about `finding`, which is remembered then."""
        lines = (self.line, self.line + 1) if self.alone else (self.line,)
        if finding.hit.file != self.file or not (self.whole_file or finding.hit.span.line in lines):
            return False
        for word in self.rules or (EVERY,):
            if word == EVERY or find_rule(word) is finding.rule:
                self.used.add(word)
                return True
        return False


@dataclass(frozen=True, slots=True)
class Ignores:
    """Settings: codes or names that count nowhere, and those that do not in the files of a pattern."""

    everywhere: tuple[str, ...] = ()
    per_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def covers(self, finding: RuleFinding) -> bool:
        """Whether it is about `finding`."""
        words = [*self.everywhere]
        path = finding.hit.file.replace("\\", "/")
        for pattern, named in self.per_file.items():
            if fnmatch(path, pattern) or fnmatch(path, f"*/{pattern}"):
                words += named
        return any(find_rule(word) is finding.rule for word in words)


def comments(file: SourceFile) -> Iterator[IgnoreComment]:
    """The ignores that stand in `file`."""
    if "outboard:" not in file.text:
        return
    for number, line in enumerate(lines_of(file.text), 1):
        for found in COMMENT.finditer(line):
            rules = tuple(each.strip() for each in (found["rules"] or "").split(",") if each.strip())
            yield IgnoreComment(
                file.name,
                number,
                found.start() + 1,
                len(found[0]),
                rules,
                found["file"] is not None,
                line[: found.start()].strip() == "",
            )


def without_ignored(
    findings: Iterable[RuleFinding], files: Sequence[SourceFile], ignores: Ignores
) -> list[RuleFinding]:
    """`findings` without those that are ignored, and with those about ignores that are not needed."""
    written = [each for file in files for each in comments(file)]
    by_file: dict[str, list[IgnoreComment]] = {}
    for each in written:
        by_file.setdefault(each.file, []).append(each)
    left = []
    for finding in findings:
        covering = [each.covers(finding) for each in by_file.get(finding.hit.file, ())]
        if not any(covering) and not ignores.covers(finding):
            left.append(finding)
    return left + [RuleFinding(UNNEEDED_IGNORE, hit) for each in written for hit in _unneeded(each)]


def _unneeded(comment: IgnoreComment) -> Iterator[Hit]:
    span = Span(comment.line, comment.column, comment.line, comment.column + comment.length)
    for word in comment.rules or (EVERY,):
        if word in comment.used:
            continue
        if word != EVERY and find_rule(word) is None:
            near = near_rule(word)
            advice = f"Did you mean `{near}`?" if near else "`outboard explain` lists all rules."
            yield Hit(comment.file, span, f"there is no rule `{word}`", advice)
        else:
            yield Hit(
                comment.file,
                span,
                f"nothing of `{word}` is found here" if word != EVERY else "nothing is found here",
            )
