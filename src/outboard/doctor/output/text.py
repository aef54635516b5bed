"""A diagnosis for a person: a line for each check, and below it what was seen and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from outboard.doctor.output.problems import statement
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, Status

__all__ = ["PAGE", "StyledLine", "as_lines"]

PAGE: Final = "docs/reference/doctor.md"
SIGNS: Final[Mapping[Status, str]] = {
    Status.PASSED: "√",
    Status.WARNING: "‼",
    Status.FAILED: "×",  # noqa: RUF001 -- the sign of such lists
    Status.UNKNOWN: "?",
}
WORDS: Final[Mapping[Status, str]] = {
    Status.PASSED: "ok:     ",
    Status.WARNING: "warning:",
    Status.FAILED: "FAILED: ",
    Status.UNKNOWN: "unknown:",
}
COLOURS: Final[Mapping[Status, str]] = {
    Status.PASSED: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "red",
    Status.UNKNOWN: "cyan",
}
INDENT: Final = "    "


class StyledLine(NamedTuple):
    """`text`, of which the first `styled` characters have the colour `style`."""

    text: str
    styled: int = 0
    style: str = ""


def as_lines(
    diagnosis: Diagnosis, *, signs: bool, short: bool = False, windows: bool = False
) -> Iterator[StyledLine]:
    """With `signs`, as a terminal shows them, else words. `short` leaves out what is well.

    Commands are in the words of PowerShell where `windows`, else of bash.
    """
    for category in diagnosis.categories:
        yield from _category(category, signs=signs, short=short, windows=windows)
    yield StyledLine(_verdict(diagnosis))


def _category(category: CategoryResult, *, signs: bool, short: bool, windows: bool) -> Iterator[StyledLine]:
    checks = _together(category.checks)
    shown = [each for each in checks if not short or each.status is not Status.PASSED]
    if category.skipped:
        if not short:
            yield StyledLine(f"{category.name}: not looked into, for an earlier hop is broken")
            yield StyledLine("")
        return
    if not shown:
        return
    yield StyledLine(category.name, len(category.name), "bold")
    yield StyledLine("-" * len(category.name))
    for check in shown:
        yield from _check(check, signs=signs, windows=windows)
    yield StyledLine("")


def _check(check: CheckResult, *, signs: bool, windows: bool) -> Iterator[StyledLine]:
    sign = (SIGNS if signs else WORDS)[check.status]
    whose = f" ({check.subject})" if check.subject else ""
    yield StyledLine(f"{sign} {statement(check)}{whose}", len(sign), COLOURS[check.status])
    if check.status is Status.PASSED:
        return
    for text in check.evidence:
        for part in text.splitlines():
            yield StyledLine(INDENT + part)
    if check.fix:
        yield StyledLine(f"{INDENT}fix: {check.fix}")
    if check.command:
        yield StyledLine(f"{INDENT}see: {check.command.powershell if windows else check.command.bash}")
    yield StyledLine(f"{INDENT}{PAGE}#{check.code}")


def _together(checks: tuple[CheckResult, ...]) -> list[CheckResult]:
    """What is well of several apps is one line, with the names of all of them."""
    passed: dict[str, list[str]] = {}
    for check in checks:
        if check.status is Status.PASSED:
            passed.setdefault(check.title, []).append(check.subject)
    lines: list[CheckResult] = []
    for check in checks:
        if check.status is not Status.PASSED:
            lines.append(check)
        elif subjects := passed.pop(check.title, None):
            named = "; ".join(filter(None, dict.fromkeys(subjects)))
            lines.append(CheckResult(check.code, check.title, named, check.status))
    return lines


def _verdict(diagnosis: Diagnosis) -> str:
    broken = diagnosis.broken
    if broken is not None:
        codes = ", ".join(
            dict.fromkeys(check.code for check in broken.checks if check.status is Status.FAILED)
        )
        return f"Events stay at: {broken.name} ({codes})"
    warnings = sum(check.status is Status.WARNING for check in diagnosis.all_checks)
    unknown = sum(check.status is Status.UNKNOWN for check in diagnosis.all_checks)
    told = [f"{warnings} warnings" if warnings != 1 else "1 warning"] if warnings else []
    told += [f"{unknown} could not be looked at"] if unknown else []
    return "Every hop is well" + (f", with {' and '.join(told)}" if told else "")
