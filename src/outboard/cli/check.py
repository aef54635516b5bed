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
    from outboard.check.main import CheckScope
    from outboard.check.report import CheckReport
    from outboard.check.settings import CheckSettings

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
    from outboard.check.baseline import write_baseline as write
    from outboard.check.main import CheckScope, apply_fixes, shown
    from outboard.check.rule import Severity
    from outboard.check.settings import read_settings, refuse_unknown_rules
    from outboard.cli.console import progress

    settings = read_settings(Path.cwd())
    refuse_unknown_rules([*(select or ()), *(ignore or ())], "--select, --ignore")
    scope = CheckScope(None, dapr_version, app or (), apps, select or (), ignore or ())

    def looked() -> tuple[Sequence[SourceFile], CheckReport]:
        with progress(sys.stderr) as say:
            say("loading apps, and checking" if app or apps else "checking")
            return _looked(paths or [], settings, scope)

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
    report = shown(report, settings, Severity[severity.value] if severity else None, baseline)
    _show(report, output, statistics=statistics)
    raise typer.Exit(0 if report.is_clean else FOUND)


def _looked(
    paths: Sequence[Path], settings: CheckSettings, scope: CheckScope
) -> tuple[Sequence[SourceFile], CheckReport]:
    from outboard.check.main import check_paths
    from outboard.check.reading import STREAM, read_stream

    stream = read_stream(sys.stdin.buffer) if Path(STREAM) in paths else None
    named = [each for each in paths if each != Path(STREAM)] if paths else [Path()]
    return check_paths(named, settings, Path.cwd(), scope._replace(stream=stream))


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
