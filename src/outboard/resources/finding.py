"""What a person should know of their files, as values: a start logs them, others sort and count them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from outboard.errors import ResourceError, ResourcesInvalid

__all__ = ["Errors", "Finding", "Severity", "refuse_errors"]

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, or surprising, in `line` of `file`; line 0 is the file as a whole.

    `problem` is a phrase, `advice` whole sentences, or empty. With an error nothing can start. `of_daprd` is
    how daprd tells of it where it ends for it, too.
    """

    file: str
    line: int
    problem: str
    advice: str = ""
    severity: Severity = "warning"
    of_daprd: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.problem}. {self.advice}" if self.advice else f"{place}: {self.problem}"

    @staticmethod
    def of(error: ResourceError) -> Finding:
        """`error` as a value."""
        return Finding(error.path, error.line, error.problem, error.advice, "error", error.of_daprd)


class Errors:
    """Gathers the errors of several readers as findings, so that the first does not hide the others."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Ends the block at its first error, which is kept; what is behind the block goes on."""
        try:
            yield
        except ResourceError as error:
            self.findings.append(Finding.of(error))
        except ResourcesInvalid as several:
            self.findings += [Finding.of(each) for each in several.errors if isinstance(each, ResourceError)]


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise ResourceError for the one error among `findings`, ResourcesInvalid for several."""
    errors = [
        ResourceError(each.file, each.line, each.problem, each.advice, each.of_daprd)
        for each in findings
        if each.severity == "error"
    ]
    if errors:
        raise ResourcesInvalid.of(errors)
