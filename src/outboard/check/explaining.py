"""What a rule is about, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from outboard.check.registry import ALL_RULES
from outboard.check.report import page_of
from outboard.check.rule import LintRule, versions
from outboard.gojson.values import Json

__all__ = ["as_object", "explained", "listed"]


def explained(rule: LintRule) -> Iterator[str]:
    """The lines about one rule."""
    yield f"{rule.code} {rule.name} ({rule.severity.name})"
    yield f"{rule.summary}."
    yield ""
    yield f"At run time: {rule.consequence}"
    yield f"Fix: {rule.advice}"
    if rule.since or rule.until:
        yield f"Versions: {versions(rule)}"
    yield f"Ignore: # outboard: ignore[{rule.name}]"
    yield f"Page: {page_of(rule)}"


def as_object(rule: LintRule) -> dict[str, Json]:
    """The same for programs; `since` and `until`, versions of Dapr, where there are any."""
    told: dict[str, Json] = {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.name,
        "summary": rule.summary,
        "consequence": rule.consequence,
        "fix": rule.advice,
        "since": rule.since,
        "until": rule.until,
        "page": page_of(rule),
    }
    return {name: value for name, value in told.items() if value}


def listed() -> Iterator[str]:
    """Every rule in one line."""
    widest = max(len(each.name) for each in ALL_RULES)
    for each in ALL_RULES:
        yield f"{each.code} {each.name:{widest}} {each.severity.name:7} {each.summary}"
