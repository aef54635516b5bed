"""What is to be said of the files of a run before it starts."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from outboard.check.checking import found
from outboard.check.corpus import Corpus
from outboard.check.main import make_corpus
from outboard.check.reading import SUFFIXES, read_paths
from outboard.check.rule import RuleFinding, Severity
from outboard.check.settings import CheckSettings, read_settings
from outboard.errors import OutboardError
from outboard.resources.finding import Finding
from outboard.resources.finding import Severity as FindingSeverity
from outboard.run.plan.plan import RunPlan
from outboard.run.plan.plan_files import plan_files

__all__ = ["findings_before"]


def findings_before(plan: RunPlan, said: Collection[Finding]) -> list[Finding]:
    """What `outboard check` finds in the files of `plan`, but for notes and what `said` is about: lines, and
    the whole of a resource whose first line is meant.

    Raises nothing: where it cannot look, that is a finding.
    """
    here = Path.cwd()
    try:
        settings = read_settings(here)
        corpus = _corpus(plan, settings, here)
    except (OutboardError, OSError) as error:
        return [Finding(str(plan.run_file or here), 0, f"`outboard check` cannot look: {error}")]
    known = {place for each in said for place in _lines_meant(each, corpus)}
    least = max(Severity.warning, settings.severity)
    return [
        _finding(each)
        for each in found(corpus, settings.ignores)
        if each.severity >= least and (os.path.abspath(each.hit.file), each.hit.span.line) not in known
    ]


def _corpus(plan: RunPlan, settings: CheckSettings, here: Path) -> Corpus:
    paths = dict.fromkeys(_shown(file, here) for path in plan_files(plan) for file in _files(path))
    files = read_paths(list(paths), None, settings.exclude)
    return make_corpus(files, settings.dapr_version)[0]


def _lines_meant(said: Finding, corpus: Corpus) -> Iterator[tuple[str, int]]:
    file = os.path.abspath(said.file)
    yield file, said.line
    for each in corpus.documents:
        span = each.node.span
        if each.node.line == said.line and os.path.abspath(each.node.path) == file:
            yield from ((file, line) for line in range(span.line, span.end_line + 1))


def _files(path: Path) -> Iterator[Path]:
    """What a sidecar reads: of a folder the files that lie directly in it."""
    if path.is_dir():
        yield from sorted(each for each in path.iterdir() if each.suffix in SUFFIXES and each.is_file())
    elif path.is_file():
        yield path


def _shown(path: Path, here: Path) -> Path:
    full = Path(os.path.normpath(here / path))
    return full.relative_to(here) if full.is_relative_to(here) else full


def _finding(each: RuleFinding) -> Finding:
    rule, hit = each.rule, each.hit
    severity: FindingSeverity = "error" if each.severity is Severity.error else "warning"
    problem = f"{hit.message} [{rule.code} {rule.name}]"
    return Finding(hit.file, hit.span.line, problem, f"{rule.consequence} {each.advice}", severity)
