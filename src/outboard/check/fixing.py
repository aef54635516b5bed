"""Edits of files: what is written is changed, and all around it stays as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from outboard.check.lines import lines_of
from outboard.check.rule import Edit, RuleFinding
from outboard.errors import ResourceError
from outboard.resources import document

__all__ = ["fixed", "fixes"]


def fixes(findings: Iterable[RuleFinding], *, unsafe: bool) -> dict[str, list[tuple[Edit, ...]]]:
    """The edits to make in each file, those of one finding together: the certain ones, or all."""
    by_file: dict[str, list[tuple[Edit, ...]]] = {}
    for each in findings:
        if each.hit.edits and (each.hit.certain or unsafe):
            by_file.setdefault(each.hit.file, []).append(each.hit.edits)
    return by_file


def fixed(name: str, text: str, groups: Sequence[tuple[Edit, ...]]) -> tuple[str, int]:
    """`text` of the file `name` after the edits, and how many findings they mend.

    Where edits overlap the first counts; one that would make invalid YAML of it is left out.
    """
    lines = lines_of(text)
    taken: list[tuple[int, int]] = []
    done = 0
    for group in sorted(groups, key=lambda each: each[0].span, reverse=True):
        ranges = [
            (_offset(lines, each.span[0], each.span[1]), _offset(lines, each.span[2], each.span[3]))
            for each in group
        ]
        if any(start < end_ and begin < end for start, end in ranges for begin, end_ in taken):
            continue
        changed = text
        for (start, end), edit in sorted(
            zip(ranges, group, strict=True), key=lambda each: each[0], reverse=True
        ):
            changed = changed[:start] + _as_written(text[start:end], edit.text) + changed[end:]
        if _is_valid(name, changed) or not _is_valid(name, text):
            text, done = changed, done + 1
            taken += ranges
            lines = lines_of(text)
    return text, done


def _offset(lines: Sequence[str], line: int, column: int) -> int:
    return sum(map(len, lines[: line - 1])) + column - 1


def _as_written(before: str, after: str) -> str:
    """With the quotes that stand there."""
    quoted = len(before) > 1 and before[0] in "\"'" and before[-1] == before[0]
    return f"{before[0]}{after}{before[0]}" if quoted and not after.startswith('"') else after


def _is_valid(name: str, text: str) -> bool:
    try:
        document.load(Path(name), text)
    except ResourceError:
        return False
    return True
