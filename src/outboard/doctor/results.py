"""What a check says, and what they say together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CategoryResult", "CheckResult", "Diagnosis", "ManualCommand", "Status"]


class Status(StrEnum):
    """`UNKNOWN`: it could not be looked at. Only what has `FAILED` stops the walk."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ManualCommand:
    """What a person types to see the same, in bash and in PowerShell."""

    bash: str
    powershell: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`code` names the check for ever, and is its section in the reference. `title` is what should be so,
    `subject` of whom: an app, or a topic of a component. `evidence` is what was seen, a sentence or a line
    of a log each; `fix` says what to do.
    """

    code: str
    title: str
    subject: str
    status: Status
    evidence: tuple[str, ...] = ()
    fix: str = ""
    command: ManualCommand | None = None


@dataclass(frozen=True, slots=True)
class CategoryResult:
    """One hop. Where `skipped`, an earlier one is broken, and this one was not looked into."""

    name: str
    checks: tuple[CheckResult, ...] = ()
    skipped: bool = False

    @property
    def status(self) -> Status:
        return _worst([check.status for check in self.checks])


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All hops in their order. `where` says what was looked at."""

    where: str
    categories: tuple[CategoryResult, ...]

    @property
    def broken(self) -> CategoryResult | None:
        """The hop at which events stay: the first that has failed."""
        return next((each for each in self.categories if each.status is Status.FAILED), None)

    @property
    def success(self) -> bool:
        return self.broken is None

    @property
    def status(self) -> Status:
        return _worst([each.status for each in self.categories if not each.skipped])

    @property
    def all_checks(self) -> list[CheckResult]:
        return [check for category in self.categories for check in category.checks]


def _worst(statuses: Sequence[Status]) -> Status:
    order = (Status.FAILED, Status.UNKNOWN, Status.WARNING)
    return next((each for each in order if each in statuses), Status.PASSED)
