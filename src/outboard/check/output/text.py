"""A report for people: the line, a caret, what happens at run time, and the fix. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from outboard.check.report import CheckReport
from outboard.check.rule import RuleFinding, Severity, versions

__all__ = ["statistics", "styles", "text"]

WIDEST = 160
HEADLINE: Final = re.compile(r"(?P<place>\S.*?): (?P<severity>note|warning|error): ")
CODE: Final = re.compile(r"\[OB\d{3} [^\]]*\]")
MARK: Final = re.compile(r"  +\|\s+(\^+)\Z")
LABEL: Final = re.compile(r"  (fix:|at run time:) ")
SEVERITIES: Final = {"note": "cyan", "warning": "bold yellow", "error": "bold red"}


def text(report: CheckReport) -> Iterator[str]:
    """The lines of the report: whole blocks for what is wrong, one line for a note."""
    for place in report.places:
        yield from (
            _note(place.finding) if place.finding.severity is Severity.note else _block(report, place.finding)
        )
    yield from report.remarks
    yield _summary(report)


def statistics(report: CheckReport) -> Iterator[str]:
    """How often each rule applies, most often first."""
    counted = Counter(each.finding.rule.code for each in report.places)
    rules = {each.finding.rule.code: each.finding.rule for each in report.places}
    for code, number in sorted(counted.items(), key=lambda each: (-each[1], each[0])):
        yield f"{number:5} {code} {rules[code].name}: {rules[code].summary}"


def styles(line: str) -> Iterator[tuple[int, int, str]]:
    """The parts of a line of the report that stand out on a terminal: (from, to, style of rich)."""
    if found := HEADLINE.match(line):
        yield found.start("place"), found.end("place"), "bold"
        yield found.start("severity"), found.end("severity"), SEVERITIES[found["severity"]]
        if code := CODE.search(line):
            yield code.start(), code.end(), "dim"
    elif found := MARK.match(line):
        yield found.start(1), found.end(1), "bold red"
    elif found := LABEL.match(line):
        yield found.start(1), found.end(1), "green" if found[1] == "fix:" else "dim"


def _place(finding: RuleFinding) -> str:
    span = finding.hit.span
    return f"{finding.hit.file}:{span.line}:{span.column}" if span.line else finding.hit.file


def _headline(finding: RuleFinding) -> str:
    rule = finding.rule
    held = f", Dapr {versions(rule)}" if rule.since or rule.until else ""
    return (
        f"{_place(finding)}: {finding.severity.name}: {finding.hit.message} [{rule.code} {rule.name}{held}]"
    )


def _note(finding: RuleFinding) -> Iterator[str]:
    yield f"{_headline(finding)}. {finding.advice}"


def _block(report: CheckReport, finding: RuleFinding) -> Iterator[str]:
    yield _headline(finding)
    span = finding.hit.span
    line = report.line(finding.hit.file, span.line)
    if line.strip() and len(line) <= WIDEST:
        number = str(span.line)
        end = span.end_column if span.end_line == span.line else len(line) + 1
        width = max(min(end, len(line) + 1) - span.column, 1)
        yield f"  {number} | {line}"
        if span.column > 1 or width > 1:
            before = "".join("\t" if each == "\t" else " " for each in line[: span.column - 1])
            yield f"  {' ' * len(number)} | {before}{'^' * width}"
    yield f"  at run time: {finding.rule.consequence}"
    yield f"  fix: {finding.advice}"
    yield ""


def _summary(report: CheckReport) -> str:
    counts = report.counts
    told = [_number(counts[each], each.name) for each in reversed(Severity) if counts[each]]
    found = ", ".join(told) if told else "nothing found"
    more = []
    if report.known:
        more.append(f"{report.known} of the baseline not shown")
    if report.hidden:
        more.append(f"{report.hidden} less severe not shown")
    looked = f"{_number(report.documents, 'document')} of {_number(report.files, 'file')}"
    return f"{found} in {looked}" + (f" ({', '.join(more)})" if more else "")


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
