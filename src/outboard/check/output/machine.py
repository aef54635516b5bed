"""A report for programs: JSON, SARIF, JUnit, and annotations of GitHub. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from outboard.check.report import CheckReport, FoundPlace, page_of
from outboard.check.rule import LintRule, RuleFinding, Severity

__all__ = ["github", "json_report", "junit", "sarif"]

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Final[Mapping[Severity, str]] = {
    Severity.note: "note",
    Severity.warning: "warning",
    Severity.error: "error",
}
GITHUB: Final[Mapping[Severity, str]] = {**LEVELS, Severity.note: "notice"}
UNPRINTABLE: Final = {code: None for code in range(32) if code not in (9, 10, 13)}
"""What XML cannot hold."""


def json_report(report: CheckReport) -> str:
    """One object: `findings`, and how much was looked at."""
    return json.dumps(
        {
            "findings": [_object(each) for each in report.places],
            "files": report.files,
            "documents": report.documents,
            "counts": {each.name: report.counts[each] for each in Severity},
            "known": report.known,
            "hidden": report.hidden,
            "remarks": list(report.remarks),
        },
        indent=2,
        ensure_ascii=False,
    )


def sarif(report: CheckReport, version: str) -> str:
    """SARIF 2.1.0, as code scanning of GitHub and others read it."""
    rules = {each.finding.rule.code: each.finding.rule for each in report.places}
    codes = sorted(rules)
    run = {
        "tool": {
            "driver": {
                "name": "outboard",
                "version": version,
                "rules": [_sarif_rule(rules[code]) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(each, codes) for each in report.places],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def junit(report: CheckReport) -> str:
    """One test case a finding, and one that passes where there is none."""
    failures = sum(each.finding.severity > Severity.note for each in report.places)
    cases = [_case(each.finding) for each in report.places] or [
        '  <testcase classname="outboard" name="check"/>'
    ]
    head = f'<testsuite name="outboard check" tests="{len(cases)}" failures="{failures}" errors="0">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"])


def github(report: CheckReport) -> Iterator[str]:
    """Workflow commands: GitHub shows them at the lines of a pull request."""
    for place in report.places:
        finding, span = place.finding, place.finding.hit.span
        where = {"file": finding.hit.file.replace("\\", "/")}
        if span.line:
            where |= {
                "line": str(span.line),
                "col": str(span.column),
                "endLine": str(max(span.end_line, span.line)),
            }
        where["title"] = f"{finding.rule.code} {finding.rule.name}"
        fields = ",".join(f"{key}={_property(value)}" for key, value in where.items())
        yield f"::{GITHUB[finding.severity]} {fields}::{_data(_message(finding))}"


def _object(place: FoundPlace) -> Mapping[str, object]:
    finding, span = place.finding, place.finding.hit.span
    return {
        "code": finding.rule.code,
        "name": finding.rule.name,
        "severity": finding.severity.name,
        "file": finding.hit.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "message": finding.hit.message,
        "at_run_time": finding.rule.consequence,
        "fix": finding.advice,
        "fixable": bool(finding.hit.edits),
        "certain": finding.hit.certain,
        "since": finding.rule.since,
        "until": finding.rule.until,
        "page": page_of(finding.rule),
        "fingerprint": place.fingerprint,
    }


def _sarif_rule(rule: LintRule) -> Mapping[str, object]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": f"{rule.summary}."},
        "fullDescription": {"text": f"{rule.summary}. {rule.consequence}"},
        "help": {"text": f"{rule.advice} See {page_of(rule)}."},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _sarif_result(place: FoundPlace, codes: list[str]) -> Mapping[str, object]:
    finding, span = place.finding, place.finding.hit.span
    artifact = {"uri": finding.hit.file.replace("\\", "/")}
    location: dict[str, object] = {"artifactLocation": artifact}
    if span.line:
        location["region"] = _region(span)
    result: dict[str, object] = {
        "ruleId": finding.rule.code,
        "ruleIndex": codes.index(finding.rule.code),
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"outboard/v1": place.fingerprint},
    }
    if finding.hit.edits:
        replacements = [
            {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
            for edit in finding.hit.edits
        ]
        result["fixes"] = [
            {
                "description": {"text": finding.advice},
                "artifactChanges": [{"artifactLocation": artifact, "replacements": replacements}],
            }
        ]
    return result


def _region(span: tuple[int, int, int, int]) -> Mapping[str, int]:
    return {
        "startLine": span[0],
        "startColumn": span[1],
        "endLine": max(span[2], span[0]),
        "endColumn": span[3],
    }


def _case(finding: RuleFinding) -> str:
    span = finding.hit.span
    name = f"{finding.rule.code} {finding.rule.name} {finding.hit.file}:{span.line}:{span.column}"
    head = f"  <testcase classname={_attribute(finding.hit.file)} name={_attribute(name)}"
    if finding.severity is Severity.note:
        return head + "/>"
    told = escape(_message(finding).translate(UNPRINTABLE))
    return f"{head}>\n    <failure type={_attribute(finding.rule.name)}>{told}</failure>\n  </testcase>"


def _attribute(value: str) -> str:
    return quoteattr(value.translate(UNPRINTABLE))


def _message(finding: RuleFinding) -> str:
    return f"{finding.hit.message}. {finding.rule.consequence} {finding.advice}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
