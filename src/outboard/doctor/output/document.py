"""A diagnosis for a machine. Pure."""

from __future__ import annotations

from outboard.doctor.output.text import PAGE
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, Status
from outboard.gojson.values import Json

__all__ = ["as_json"]


def as_json(diagnosis: Diagnosis, *, short: bool = False) -> Json:
    """`success`, and the categories with their checks, in their order; with `short`, of the checks those that
    have not passed.
    """
    broken = diagnosis.broken
    return {
        "success": diagnosis.success,
        "where": diagnosis.where,
        "broken": broken.name if broken else None,
        "categories": [_category(each, short=short) for each in diagnosis.categories],
    }


def _category(category: CategoryResult, *, short: bool) -> Json:
    told = [each for each in category.checks if not (short and each.status is Status.PASSED)]
    return {
        "name": category.name,
        "skipped": category.skipped,
        "result": None if category.skipped else category.status.value,
        "checks": [_check(each) for each in told],
    }


def _check(check: CheckResult) -> Json:
    command = check.command
    return {
        "code": check.code,
        "title": check.title,
        "subject": check.subject,
        "result": check.status.value,
        "evidence": list(check.evidence),
        "fix": check.fix,
        "command": None if command is None else {"bash": command.bash, "powershell": command.powershell},
        "page": f"{PAGE}#{check.code}",
    }
