"""`outboard check`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.parameters import rules_beginning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outboard.check.corpus import SourceFile
    from outboard.check.report import CheckReport

__all__ = ["check"]

FOUND = 1


class ReportFormat(StrEnum):
    """For people, or for programs."""

    text = "text"
    json = "json"
    sarif = "sarif"
    junit = "junit"
    github = "github"


class SeverityName(StrEnum):
    """How bad it is."""

    note = "note"
    warning = "warning"
    error = "error"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files and folders; `-` is standard input (default: this folder).",
            metavar="PATHS",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        ReportFormat, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = ReportFormat.text,
    severity: Annotated[
        SeverityName | None,
        typer.Option(help="The least severe that is shown (default: note).", show_default=False),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is certain.")] = False,
    unsafe_fixes: Annotated[
        bool, typer.Option("--unsafe-fixes", help="Mend also what is only likely: look at the changes.")
    ] = False,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Show how often each rule applies, instead.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for this rule alone; may be given more than once.",
            metavar="RULE",
            show_default=False,
            autocompletion=rules_beginning,
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave this rule out; may be given more than once.",
            metavar="RULE",
            show_default=False,
            autocompletion=rules_beginning,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Show only what is not in this file.", metavar="FILE", show_default=False),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(
            help="Write what is found to this file, and be content.", metavar="FILE", show_default=False
        ),
    ] = None,
    dapr_version: Annotated[
        str,
        typer.Option(
            help="Check for this version of Dapr, as 1.18; 1.16..1.18 says what changes between them.",
            metavar="VERSION",
            show_default=False,
        ),
    ] = "",
    app: Annotated[
        list[str] | None,
        typer.Option(
            "--app",
            help="Load this FastAPI app, and check what it takes and publishes; may be given more than once.",
            metavar="[ID=]MODULE:APP",
            show_default=False,
        ),
    ] = None,
    apps: Annotated[
        bool, typer.Option("--apps", help="Load every app of each dapr.yaml, as its command starts it.")
    ] = False,
) -> None:
    """Find mistakes in Dapr's resources, manifests and dapr.yaml before they run.

    Reads files, folders (with their subfolders) and standard input, and judges them together. Nothing is
    connected to, and nothing in a file is executed; only with --app or --apps are apps imported, each in a
    process of its own. Exit code 0: nothing worse than a note; 1: warnings or errors; 2: it could not look.

    \b
    Examples:
      outboard check                               all below this folder
      outboard check components dapr.yaml
      kustomize build . | outboard check -
      outboard check --app backend.main:app        its topics against the components
      outboard check --apps                        also: what is published, and taken by nobody
      outboard check --fix
      outboard check -o sarif > outboard.sarif
      outboard explain OB101                       what a rule is about
    """
    from outboard.check.baseline import read_baseline
    from outboard.check.baseline import write_baseline as write
    from outboard.check.main import apply_fixes, narrowed
    from outboard.check.rule import Severity
    from outboard.check.settings import read_settings, refuse_unknown_rules
    from outboard.cli.console import progress

    settings = read_settings(Path.cwd())
    refuse_unknown_rules([*(select or ()), *(ignore or ())], "--select, --ignore")
    version = dapr_version or settings.dapr_version

    def looked() -> tuple[Sequence[SourceFile], CheckReport]:
        with progress(sys.stderr) as say:
            say("loading apps, and checking" if app or apps else "checking")
            return _looked(paths or [], (version, tuple(app or ()), apps), select or [], ignore or [])

    files, report = looked()
    if fix or unsafe_fixes:
        findings = [each.finding for each in report.places]
        mended = apply_fixes(findings, files, unsafe=unsafe_fixes)
        if mended:
            typer.echo(f"mended: {mended}", err=True)
            files, report = looked()
    if write_baseline is not None:
        write(write_baseline, report.places)
        typer.echo(f"{len(report.places)} findings are in {write_baseline}", err=True)
        return
    known = baseline or (settings.folder / settings.baseline if settings.baseline else None)
    least = Severity[severity.value] if severity else settings.severity
    report = narrowed(report, least, read_baseline(known) if known else frozenset())
    _show(report, output, statistics=statistics)
    raise typer.Exit(0 if report.is_clean else FOUND)


def _looked(
    paths: Sequence[Path],
    wanted: tuple[str, Sequence[str], bool],
    select: Sequence[str],
    ignore: Sequence[str],
) -> tuple[Sequence[SourceFile], CheckReport]:
    from outboard.check.checking import found
    from outboard.check.ignoring import Ignores
    from outboard.check.main import make_corpus, report_of
    from outboard.check.reading import STREAM, read_paths, read_stream
    from outboard.check.registry import ALL_RULES, find_rule
    from outboard.check.settings import read_settings

    settings = read_settings(Path.cwd())
    stream = read_stream(sys.stdin.buffer) if Path(STREAM) in paths else None
    named = [each for each in paths if each != Path(STREAM)]
    if not paths:
        named = [Path()]
    files = read_paths(named, stream, settings.exclude)
    version, apps, all_apps = wanted
    corpus, remarks = make_corpus(files, version, apps, all_apps=all_apps)
    chosen = [find_rule(each) for each in select]
    unwanted = [find_rule(each) for each in ignore]
    rules = [each for each in ALL_RULES if (not chosen or each in chosen) and each not in unwanted]
    ignores = Ignores(settings.ignores.everywhere, settings.ignores.per_file)
    return files, report_of(found(corpus, ignores, rules), corpus, remarks)


def _show(report: CheckReport, output: ReportFormat, *, statistics: bool) -> None:
    from importlib.metadata import version

    from outboard.check.output import machine
    from outboard.check.output import text as people
    from outboard.cli.console import styled_writer

    match output:
        case _ if statistics:
            lines = people.statistics(report)
        case ReportFormat.json:
            lines = iter([machine.json_report(report)])
        case ReportFormat.sarif:
            lines = iter([machine.sarif(report, version("outboard"))])
        case ReportFormat.junit:
            lines = iter([machine.junit(report)])
        case ReportFormat.github:
            lines = machine.github(report)
        case _:
            write = styled_writer(sys.stdout, os.environ)
            for line in people.text(report):
                write(line, people.styles(line))
            return
    for line in lines:
        typer.echo(line)
