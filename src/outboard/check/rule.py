"""A rule, and what it finds, as values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from outboard.resources.node import Node, Span

if TYPE_CHECKING:
    from outboard.check.corpus import Corpus

__all__ = ["Edit", "Hit", "LintRule", "RuleFinding", "Severity", "at", "at_key", "versions"]


class Severity(IntEnum):
    """How bad it is. A note is advice: what it tells of may well be meant."""

    note = 1
    warning = 2
    error = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to stand in the place of `span` in `file`."""

    file: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule applies.

    `message` is a phrase that says what is wrong there; `advice` are sentences that say what to do, where the
    rule's own do not fit. `edits` mend it: surely where they are `certain`, else as a person may have meant.
    """

    file: str
    span: Span
    message: str
    advice: str = ""
    severity: Severity | None = None
    edits: tuple[Edit, ...] = ()
    certain: bool = False


@dataclass(frozen=True, slots=True)
class LintRule:
    """What is looked for. `code` and `name` are stable; `summary` is a phrase.

    `consequence` says what happens at run time, `advice` what to do; both are sentences. `since` is the first
    version of Dapr that it holds for, `until` the first that it does not hold for any more (empty: all).
    """

    code: str
    name: str
    severity: Severity
    summary: str
    consequence: str
    advice: str
    find: Callable[[Corpus], Iterator[Hit]] = field(compare=False, repr=False)
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """A place where a rule applies, with the rule."""

    rule: LintRule
    hit: Hit

    @property
    def severity(self) -> Severity:
        """That of the place, or else of the rule."""
        return self.hit.severity or self.rule.severity

    @property
    def advice(self) -> str:
        """What to do here."""
        return self.hit.advice or self.rule.advice


def versions(rule: LintRule) -> str:
    """For which versions of Dapr it holds."""
    told = [f"{rule.since} and newer"] if rule.since else []
    told += [f"before {rule.until}"] if rule.until else []
    return ", ".join(told) or "all"


def at(
    node: Node,
    message: str,
    advice: str = "",
    *,
    severity: Severity | None = None,
    edits: tuple[Edit, ...] = (),
    certain: bool = False,
) -> Hit:
    """A place where a value stands; where there is none, or it spans several lines, its key."""
    span = node.span
    if node.key_span.line and (span.end_line != span.line or node.absent):
        span = node.key_span
    return Hit(str(node.path), span, message, advice, severity, edits, certain)


def at_key(
    node: Node,
    message: str,
    advice: str = "",
    *,
    severity: Severity | None = None,
    edits: tuple[Edit, ...] = (),
    certain: bool = False,
) -> Hit:
    """A place where the key of a value stands."""
    span = node.key_span if node.key_span.line else node.span
    return Hit(str(node.path), span, message, advice, severity, edits, certain)
