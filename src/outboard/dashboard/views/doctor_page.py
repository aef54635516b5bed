"""A walk of the doctor as a page shows it: each hop with its checks, and those that are still to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from outboard.dashboard.views.rows import RowState
from outboard.doctor.output.problems import statement
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, Status
from outboard.doctor.walk import CATEGORIES

__all__ = ["CheckLine", "HopCard", "WalkView", "check_lines", "walk_view"]

STATES: Final[Mapping[Status, RowState]] = {
    Status.PASSED: RowState.WELL,
    Status.WARNING: RowState.WAITING,
    Status.UNKNOWN: RowState.WAITING,
    Status.FAILED: RowState.FAILED,
}
WORDS: Final[Mapping[Status, str]] = {
    Status.PASSED: "well",
    Status.WARNING: "warning",
    Status.UNKNOWN: "not known",
    Status.FAILED: "broken",
}


class CheckLine(NamedTuple):
    """One check; evidence, fix and commands stand only where it is not well."""

    code: str
    title: str
    subject: str
    state: RowState
    word: str
    evidence: Sequence[str] = ()
    fix: str = ""
    bash: str = ""
    powershell: str = ""


class HopCard(NamedTuple):
    """One hop of the way; `state` is None where nothing is known of it yet, and `word` says why."""

    name: str
    state: RowState | None
    word: str
    checks: Sequence[CheckLine] = ()


@dataclass(frozen=True, slots=True)
class WalkView:
    """`verdict` is a sentence, empty as long as the first walk goes on."""

    where: str
    hops: Sequence[HopCard]
    verdict: str
    state: RowState


def walk_view(diagnosis: Diagnosis | None, *, whole: bool) -> WalkView:
    """Of what is known now; `whole`: the walk has come to its end."""
    told = {each.name: each for each in diagnosis.categories} if diagnosis else {}
    hops = [hop for name in _names(told) if (hop := _hop(name, told.get(name), whole=whole)) is not None]
    where = diagnosis.where if diagnosis else ""
    if diagnosis is None or not whole:
        return WalkView(where, hops, "", RowState.WAITING)
    return WalkView(where, hops, _verdict(diagnosis), STATES[diagnosis.status])


def check_lines(checks: Sequence[CheckResult]) -> list[CheckLine]:
    """What is well of several apps is one line."""
    passed: dict[str, list[str]] = {}
    for check in checks:
        if check.status is Status.PASSED:
            passed.setdefault(check.title, []).append(check.subject)
    lines: list[CheckLine] = []
    for check in checks:
        if check.status is not Status.PASSED:
            lines.append(_line(check))
        elif subjects := passed.pop(check.title, None):
            whose = ", ".join(filter(None, dict.fromkeys(subjects)))
            lines.append(CheckLine(check.code, check.title, whose, RowState.WELL, WORDS[Status.PASSED]))
    return lines


def _names(told: Mapping[str, CategoryResult]) -> Iterator[str]:
    """In the order of the walk."""
    known = [category.name for category in CATEGORIES]
    yield from known
    yield from (name for name in told if name not in known)


def _hop(name: str, result: CategoryResult | None, *, whole: bool) -> HopCard | None:
    """None for a hop that this run does not have."""
    if result is None:
        return None if whole else HopCard(name, None, "still to come")
    if result.skipped:
        return HopCard(name, None, "not looked into, for an earlier hop is broken")
    return HopCard(name, STATES[result.status], WORDS[result.status], check_lines(result.checks))


def _line(check: CheckResult) -> CheckLine:
    command = check.command
    return CheckLine(
        check.code, statement(check), check.subject, STATES[check.status], WORDS[check.status],
        [line for text in check.evidence for line in text.splitlines()], check.fix,
        command.bash if command else "", command.powershell if command else "",
    )  # fmt: skip


def _verdict(diagnosis: Diagnosis) -> str:
    if diagnosis.broken is not None:
        return f"Events stay at: {diagnosis.broken.name}."
    not_well = sum(check.status is not Status.PASSED for check in diagnosis.all_checks)
    return "Every hop is well" + (
        f", with {not_well} remarks." if not_well > 1 else ", with a remark." if not_well else "."
    )
