"""A check put together: files are read, rules applied, and a report made of what they find."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from outboard import cel
from outboard.check.baseline import read_baseline
from outboard.check.checking import found, with_fingerprints
from outboard.check.corpus import Corpus, RunFile, SourceFile, numbers
from outboard.check.document import child
from outboard.check.fixing import fixed, fixes
from outboard.check.ignoring import Ignores
from outboard.check.inspected import InspectedApp
from outboard.check.inspection.loading import Inspection, inspect_all, inspect_named, sources_of
from outboard.check.reading import read_paths, read_run_files
from outboard.check.registry import ALL_RULES, find_rule
from outboard.check.report import CheckReport, FoundPlace
from outboard.check.rule import RuleFinding, Severity
from outboard.check.settings import CheckSettings
from outboard.errors import CommandError, ExtraMissing
from outboard.facts.reading import catalogue

__all__ = [
    "CheckScope",
    "apply_fixes",
    "check_files",
    "check_paths",
    "make_corpus",
    "narrowed",
    "report_of",
    "shown",
]

BETWEEN: Final = ".."


class CheckScope(NamedTuple):
    """What is looked at beside files: `stream` is what came on standard input, `apps` are loaded
    (`module:app`), and all of the run files with `all_apps`. Of the rules those of `select`, or else all, but
    for those of `ignore`: codes or names. `version` is one of Dapr, empty for that of the settings.
    """

    stream: str | None = None
    version: str = ""
    apps: Sequence[str] = ()
    all_apps: bool = False
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()


FILES_ALONE: Final = CheckScope()


def check_paths(
    paths: Sequence[Path], settings: CheckSettings, here: Path, scope: CheckScope = FILES_ALONE
) -> tuple[Sequence[SourceFile], CheckReport]:
    """The files at `paths`, and all that is found in them, for somebody who stands in the folder `here`.

    Raises CommandError for a path that is not there, a wrong version, and an app that cannot be loaded.
    """
    files = read_paths(paths, scope.stream, settings.exclude)
    version = scope.version or settings.dapr_version
    corpus, remarks = make_corpus(files, version, scope.apps, all_apps=scope.all_apps)
    chosen = [find_rule(each) for each in scope.select]
    unwanted = [find_rule(each) for each in scope.ignore]
    rules = [each for each in ALL_RULES if (not chosen or each in chosen) and each not in unwanted]
    findings = found(corpus, settings.ignores, rules)
    return files, report_of(findings, corpus, remarks, _named_from(here))


def shown(
    report: CheckReport,
    settings: CheckSettings,
    severity: Severity | None = None,
    baseline: Path | None = None,
) -> CheckReport:
    """`report` as a project wants to see it: without what is less severe, and what its baseline has.

    `severity` and `baseline` count for more than what the settings say. Raises CommandError for a baseline
    that is none.
    """
    known = baseline or (settings.folder / settings.baseline if settings.baseline else None)
    return narrowed(report, severity or settings.severity, read_baseline(known) if known else frozenset())


def _named_from(here: Path) -> Callable[[str], str]:
    """The name of a file as it is written in the folder `here`, if it lies there."""

    def named(file: str) -> str:
        full = Path(os.path.abspath(file))
        return str(full.relative_to(here)) if full.is_relative_to(here) else file

    here = Path(os.path.abspath(here))
    return named


def check_files(
    files: Sequence[SourceFile], version: str = "", ignores: Ignores | None = None
) -> CheckReport:
    """What is found in `files`, for a version of Dapr (empty: the newest). Raises CommandError."""
    corpus, remarks = make_corpus(files, version)
    return report_of(found(corpus, ignores or Ignores()), corpus, remarks)


def make_corpus(
    files: Sequence[SourceFile], version: str = "", apps: Sequence[str] = (), *, all_apps: bool = False
) -> tuple[Corpus, tuple[str, ...]]:
    """What is to be checked, and what cannot be, in sentences.

    `apps` are loaded (`module:app`), and all of the run files where `all_apps` says so. Raises CommandError
    for a wrong version, and for one of `apps` that cannot be loaded.
    """
    earlier, wanted = _versions(version)
    run_files = tuple(read_run_files(files))
    seen = _inspected(run_files, apps, all_apps=all_apps)
    compile_, remarks = _compile(files, seen.apps)
    known = {each.app_id for each in seen.apps}
    ids = {each.app_id for file in run_files for each in file.apps}
    every = (*files, *sources_of(seen.apps))
    complete = bool(ids) and ids <= known
    corpus = Corpus(every, catalogue(), run_files, compile_, wanted, earlier, seen.apps, complete)
    return corpus, (*remarks, *seen.remarks)


def report_of(
    findings: Sequence[RuleFinding], corpus: Corpus, remarks: tuple[str, ...] = (),
    named: Callable[[str], str] = str,
) -> CheckReport:  # fmt: skip
    """The report of `findings`; `named` gives the name of a file in their fingerprints."""
    told = with_fingerprints(findings, corpus.files, named)
    places = tuple(FoundPlace(each, word) for each, word in told)
    texts = {each.name: each.text for each in corpus.files}
    return CheckReport(places, texts, len(corpus.files), len(corpus.documents), remarks=remarks)


def apply_fixes(findings: Iterable[RuleFinding], files: Sequence[SourceFile], *, unsafe: bool) -> int:
    """Change the files as the findings tell; returns how many are mended. Raises OSError."""
    done = 0
    texts = {each.name: each.text for each in files if not each.is_stream}
    for name, groups in fixes(findings, unsafe=unsafe).items():
        if name in texts:
            changed, number = fixed(name, texts[name], groups)
            if number:
                _write(Path(name), changed)
                done += number
    return done


def narrowed(report: CheckReport, severity: Severity, baseline: frozenset[str]) -> CheckReport:
    """`report` without what is less severe, and what the baseline has."""
    unknown = [each for each in report.places if each.fingerprint not in baseline]
    shown = tuple(each for each in unknown if each.finding.severity >= severity)
    return replace(
        report, places=shown, known=len(report.places) - len(unknown), hidden=len(unknown) - len(shown)
    )


def _write(path: Path, content: str) -> None:
    mark = "\ufeff" if path.read_bytes().startswith(b"\xef\xbb\xbf") else ""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(mark + content)


def _versions(written: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """`1.18` as ((), (1, 18)), and `1.16..1.18` as ((1, 16), (1, 18))."""
    before, between, version = written.rpartition(BETWEEN)
    try:
        earlier = numbers(before) if between else ()
        wanted = numbers(version) if version else ()
    except ValueError as error:
        advice = "Write for instance 1.18, or 1.16..1.18 for what changes from the one to the other."
        raise CommandError(f"--dapr-version {written}: no version", advice) from error
    if earlier and earlier >= (wanted or earlier):
        raise CommandError(f"--dapr-version {written}: the first is not the earlier", "Swap them.")
    return earlier, wanted


def _inspected(run_files: Sequence[RunFile], apps: Sequence[str], *, all_apps: bool) -> Inspection:
    if not apps and not all_apps:
        return Inspection()
    run_apps = [each for file in run_files for each in file.apps]
    named = inspect_named(apps, run_apps)
    if not all_apps:
        return named
    ids = {each.app_id for each in named.apps}
    rest = inspect_all([each for each in run_apps if each.app_id not in ids])
    return Inspection((*named.apps, *rest.apps), (*named.remarks, *rest.remarks))


def _compile(
    files: Iterable[SourceFile], apps: Iterable[InspectedApp]
) -> tuple[Callable[[str], cel.Expression] | None, tuple[str, ...]]:
    """The CEL compiler where there is something to compile and it is installed."""
    if not any(topic.match for app in apps for topic in app.takes) and not any(
        child(each.spec, "routes", "rules") or child(each.spec, "policies", "circuitBreakers")
        for file in files
        for each in file.documents
        if each.is_dapr
    ):
        return None, ()
    known: dict[str, cel.Expression | cel.ExpressionInvalid] = {}

    def compile_once(text: str) -> cel.Expression:
        if text not in known:
            try:
                known[text] = cel.compile(text)
            except cel.ExpressionInvalid as error:
                known[text] = error
        result = known[text]
        if isinstance(result, cel.ExpressionInvalid):
            raise result
        return result

    try:
        compile_once("true")
    except ExtraMissing as error:
        return None, (f"CEL rules are not checked: {error}",)
    return compile_once, ()
