"""What a check comes to: its findings, with all that is needed to show them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from outboard.check.lines import lines_of
from outboard.check.rule import LintRule, RuleFinding, Severity

__all__ = ["CheckReport", "FoundPlace", "page_of"]

PAGES = "docs/reference/rules"


def page_of(rule: LintRule) -> str:
    """The page about a rule, in the repository."""
    return f"{PAGES}/{rule.code}.md"


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A finding, with its fingerprint: a word that stays when other lines of its file change."""

    finding: RuleFinding
    fingerprint: str


@dataclass(frozen=True)
class CheckReport:
    """`texts` are the files by name. `documents` and `files` say how much was looked at."""

    places: tuple[FoundPlace, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    files: int = 0
    documents: int = 0
    known: int = 0
    """How many findings are in the baseline, and left out."""
    hidden: int = 0
    """How many are less severe than what is shown, and left out."""
    remarks: tuple[str, ...] = ()
    """What could not be checked, and why: sentences."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing worse than a note was found."""
        return all(each.finding.severity <= Severity.note for each in self.places)

    @property
    def counts(self) -> Counter[Severity]:
        """How many of each severity."""
        return Counter(each.finding.severity for each in self.places)

    @cached_property
    def _lines(self) -> Mapping[str, list[str]]:
        return {name: lines_of(text) for name, text in self.texts.items()}

    def line(self, file: str, number: int) -> str:
        """One line of a file, without its end; empty where it is not there."""
        lines = self._lines.get(file, [])
        return lines[number - 1].rstrip("\r\n\x85\u2028\u2029") if 0 < number <= len(lines) else ""
