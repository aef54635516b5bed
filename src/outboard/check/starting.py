"""What is to be said of the files of a run before it starts."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from outboard.check.checking import found
from outboard.check.main import make_corpus
from outboard.check.reading import SUFFIXES, read_paths
from outboard.check.rule import RuleFinding, Severity
from outboard.check.settings import CheckSettings, read_settings
from outboard.errors import OutboardError
from outboard.resources.finding import Finding
from outboard.run.plan.plan import RunPlan
from outboard.run.plan.plan_files import plan_files

__all__ = ["findings_before"]


def findings_before(plan: RunPlan, said: Collection[Finding]) -> list[Finding]:
    """What `outboard check` finds in the files of `plan`, but for notes and the lines that `said` are about.

    Raises nothing: where it cannot look, that is a finding.
    """
    here = Path.cwd()
    try:
        settings = read_settings(here)
        every = list(_found(plan, settings, here))
    except (OutboardError, OSError) as error:
        return [Finding(str(plan.run_file or here), 0, f"`outboard check` cannot look: {error}")]
    known = {(os.path.abspath(each.file), each.line) for each in said}
    return [
        _finding(each)
        for each in every
        if (os.path.abspath(each.hit.file), each.hit.span.line) not in known
        and each.severity >= max(Severity.warning, settings.severity)
    ]


def _found(plan: RunPlan, settings: CheckSettings, here: Path) -> Iterable[RuleFinding]:
    paths = dict.fromkeys(_shown(file, here) for path in plan_files(plan) for file in _files(path))
    files = read_paths(list(paths), None, settings.exclude)
    corpus, _ = make_corpus(files, settings.dapr_version)
    return found(corpus, settings.ignores)


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
    severity = "error" if each.severity is Severity.error else "warning"
    problem = f"{hit.message} [{rule.code} {rule.name}]"
    return Finding(hit.file, hit.span.line, problem, f"{rule.consequence} {each.advice}", severity)
