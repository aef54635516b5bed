"""Components as a page shows them: loaded or not and why, and what is wrong in their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from outboard.check.report import CheckReport
from outboard.check.rule import Severity
from outboard.dashboard.views.app_state import AppState
from outboard.dashboard.views.doctor_page import CheckLine, check_lines
from outboard.dashboard.views.rows import RowState
from outboard.doctor.results import Diagnosis, Status

__all__ = ["ComponentRow", "ComponentsPage", "FindingView", "components_page"]

HOP: str = "the components"
STATES = {Severity.error: RowState.FAILED, Severity.warning: RowState.WAITING, Severity.note: None}


class ComponentRow(NamedTuple):
    """A component of an app: `word` says whether it is loaded, `reason` why it is not."""

    name: str
    type: str
    app_id: str
    state: RowState
    word: str
    reason: str
    advice: str
    place: str


class FindingView(NamedTuple):
    """A finding of `outboard check`."""

    place: str
    severity: str
    state: RowState | None
    code: str
    name: str
    message: str
    consequence: str
    advice: str


@dataclass(frozen=True, slots=True)
class ComponentsPage:
    """`remarks` are sentences on what cannot be known, `problems` what the doctor says of components."""

    rows: Sequence[ComponentRow]
    remarks: Sequence[str]
    problems: Sequence[CheckLine]
    findings: Sequence[FindingView]
    looked: str


def components_page(
    states: Sequence[AppState], diagnoses: Sequence[Diagnosis], report: CheckReport
) -> ComponentsPage:
    """From what sidecars tell, what the doctor has found, and what stands in the files."""
    remarks = [
        f"{state.wiring.app_id or 'A sidecar'}: {state.wiring.remark}"
        for state in states
        if state.wiring.remark
    ]
    checks = [
        check
        for diagnosis in diagnoses
        for category in diagnosis.categories
        if category.name == HOP
        for check in category.checks
        if check.status is not Status.PASSED
    ]
    return ComponentsPage(
        [row for state in states for row in _rows(state)],
        [*remarks, *report.remarks],
        check_lines(checks),
        [_finding(report, number) for number in range(len(report.places))],
        f"{report.documents} documents of {report.files} files",
    )


def _rows(state: AppState) -> Iterator[ComponentRow]:
    wiring = state.wiring
    for name, kind in wiring.components.items():
        if wiring.runs:
            yield ComponentRow(name, kind, wiring.app_id, RowState.WELL, "loaded", "", "", "")
        else:
            yield ComponentRow(name, kind, wiring.app_id, RowState.WAITING, "in its files", "", "", "")
    for left in wiring.left_out:
        place = f"{left.file}:{left.line}" if left.file else ""
        yield ComponentRow(
            left.name, left.type, wiring.app_id, RowState.FAILED, "left out", left.reason, left.advice, place
        )


def _finding(report: CheckReport, number: int) -> FindingView:
    finding = report.places[number].finding
    span = finding.hit.span
    place = f"{finding.hit.file}:{span.line}:{span.column}" if span.line else finding.hit.file
    return FindingView(
        place, finding.severity.name, STATES[finding.severity], finding.rule.code, finding.rule.name,
        finding.hit.message, finding.rule.consequence, finding.advice,
    )  # fmt: skip
