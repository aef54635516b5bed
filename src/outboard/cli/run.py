"""`outboard run`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer
from typer.core import TyperCommand

from outboard.cli.json_output import json_line
from outboard.cli.parameters import Given, OutputFormat
from outboard.cli.run_options import ONE_APP
from outboard.errors import CommandError
from outboard.run.plan.tokens import TokenUse

if TYPE_CHECKING:
    from outboard.host.ports import Ports
    from outboard.run.dashboard_program import WantedDashboard
    from outboard.run.output.events import Report
    from outboard.run.plan.plan import RunPlan
    from outboard.run.plan.settings import Value
    from outboard.run.reloading import PlanAgain

__all__ = ["RunCommand", "run"]


TOKEN_BYTES: Final = 24
USAGE: Final = 2
COLLECTOR_PORT: Final = 4318
"""Where exporters send spans that are not told where. Source: OpenTelemetry, "OTLP Exporter"."""
DASHBOARD_PORT: Final = 4320
"""The first one that is tried where apps have to know it before the dashboard is there."""


class SidecarKind(StrEnum):
    outboard = "outboard"
    daprd = "daprd"


def run(
    command: Annotated[
        list[str] | None, typer.Argument(help="The command that starts the app.", show_default=False)
    ] = None,
    run_file: Annotated[
        Path | None,
        typer.Option(
            "--run-file",
            "-f",
            help="A dapr.yaml, or the folder of one (default ./dapr.yaml).",
            show_default=False,
        ),
    ] = None,
    attach: Annotated[
        list[str] | None,
        typer.Option(
            help="Do not start this app: you do, in a debugger. May be repeated.",
            metavar="APP",
            show_default=False,
        ),
    ] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Restart an app when its source changes.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be started, and exit.")] = False,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or one JSON object a line.")
    ] = OutputFormat.text,
    engine: Annotated[
        SidecarKind, typer.Option(help="The sidecars: Outboard's own, or Dapr's daprd.")
    ] = SidecarKind.outboard,
    daprd_path: Annotated[
        Path | None,
        typer.Option(
            help="The daprd for --engine daprd, or its folder (default: on PATH, or ~/.dapr/bin).",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    resources: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of component files for all apps, in the place of theirs. May be repeated.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    tokens: Annotated[
        TokenUse,
        typer.Option(
            help="Tokens between apps and sidecars: made, and asked of browsers alone by the sidecars; "
            "asked of everybody; or not made.",
            envvar="OUTBOARD_RUN_TOKENS",
        ),
    ] = TokenUse.OPTIONAL,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="When an app fails, let the others go on.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take warnings about your files for errors.")
    ] = False,
    dashboard: Annotated[
        bool,
        typer.Option(
            "--dashboard/--no-dashboard",
            help="Show the flow of events in a browser: the address is told at `ready`.",
            envvar="OUTBOARD_RUN_DASHBOARD",
        ),
    ] = True,
    dashboard_port: Annotated[
        int,
        typer.Option(
            help="Port of the dashboard (default: a free one).",
            min=0,
            max=65535,
            metavar="PORT",
            show_default=False,
        ),
    ] = 0,
    app_id: Annotated[
        str | None,
        typer.Option(
            "--app-id",
            "-a",
            help="Name of the app (default: that of the folder).",
            show_default=False,
            rich_help_panel=ONE_APP,
        ),
    ] = None,
    **settings: Given,
) -> None:
    """Start services with their sidecars, and stop them all with Ctrl-C.

    Reads Dapr's multi-app run file (dapr.yaml), or takes one app from the command line as `dapr run` does.
    Each app is told its ports: APP_PORT, DAPR_HTTP_PORT, DAPR_GRPC_PORT. `python` in a command is the one
    that runs outboard, unless another virtual environment is active.

    \b
    Examples:
      outboard run                       the apps of ./dapr.yaml
      outboard run -f todo/dapr.yaml --reload
      outboard run --attach notification start that one yourself, in a debugger
      outboard run --engine daprd --resources components/kafka-redis
      outboard run --app-id api --app-port 8000 -d components -- python -m api
      outboard run --dry-run -o json     what would be started, for machines
    """
    import os
    import secrets

    from outboard.host.ports import MachinePorts, reserving
    from outboard.run.plan.command_line import chosen_apps, chosen_daprd, component_folders
    from outboard.run.plan.default_resources import with_defaults, write_embedded
    from outboard.run.plan.grpc_clients import with_grpc_clients
    from outboard.run.plan.interpreter import this_interpreter
    from outboard.run.plan.making import make_plan
    from outboard.run.plan.plan import RunOptions
    from outboard.run.plan.settings import is_given
    from outboard.sidecar.grpc_library import is_grpc_installed

    with _failure_as_event(output):
        home = Path.home()
        given = {name.replace("_", "-"): _value(value) for name, value in settings.items() if value}
        given = {flag: value for flag, value in given.items() if is_given(flag, value)}
        daprd = chosen_daprd(engine is SidecarKind.daprd, daprd_path, os.environ, home)
        folders = component_folders(resources or ())
        options = RunOptions(frozenset(attach or ()), reload, folders, daprd, tokens, keep_going, strict)
        make_token = partial(secrets.token_urlsafe, TOKEN_BYTES)

        def plan_anew(earlier: RunPlan | None = None, lost: frozenset[int] = frozenset()) -> RunPlan:
            chosen = chosen_apps(run_file, app_id or "", command or (), given, Path.cwd())
            apps, embedded = with_defaults(
                with_grpc_clients(chosen, options, installed=is_grpc_installed()), options, home
            )
            if embedded:
                write_embedded(home)
            return make_plan(apps, options, ports, this_interpreter(), os.environ, make_token, earlier, lost)

        with reserving(MachinePorts()) as ports:
            plan = plan_anew()
            if dry_run:
                _describe(plan, output)
            else:
                wanted = _wanted_dashboard(dashboard_port, plan, ports, make_token) if dashboard else None
                _execute(plan, output, home, plan_anew, wanted, reload=reload)


@contextmanager
def _failure_as_event(output: OutputFormat) -> Iterator[None]:
    """Whoever reads JSON lines finds there, last, why it failed; the error itself goes on."""
    from outboard.errors import OutboardError, ResourcesInvalid

    try:
        yield
    except ResourcesInvalid as several:
        _write_failures(several.errors, output)
        raise
    except (OutboardError, FileNotFoundError, PermissionError) as error:
        _write_failures([error], output)
        raise


def _write_failures(errors: Sequence[Exception], output: OutputFormat) -> None:
    if output is not OutputFormat.json:
        return
    import sys

    from outboard.cli.console import line_writer
    from outboard.run.output.events import RunFailed
    from outboard.run.output.formats import JsonLines

    write = JsonLines(line_writer(sys.stdout))
    for error in errors:
        write(RunFailed(str(error), str(getattr(error, "path", "")), int(getattr(error, "line", 0))))


class RunCommand(TyperCommand):
    """Tells of a command line that it cannot read as of each failure: as an event where JSON is asked for."""

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Raises what the parser of the command line raises. typer does not export the type of `ctx`."""
        given = list(args)
        try:
            return super().parse_args(cast("typer.Context", ctx), args)
        except Exception as error:
            if getattr(error, "exit_code", None) == USAGE and _wants_json(given):
                said = getattr(error, "format_message", error.__str__)()
                _write_failures(
                    [CommandError(said.rstrip("."), "See `outboard run --help`.")], OutputFormat.json
                )
            raise


def _wants_json(arguments: Sequence[str]) -> bool:
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    wanted = OutputFormat.json.value
    words = {f"-o{wanted}", f"-o={wanted}", f"--output={wanted}"}
    return bool(words.intersection(own)) or any(
        flag in {"-o", "--output"} and value == wanted for flag, value in pairwise(own)
    )


def _value(given: Given) -> Value:
    if isinstance(given, bool | int | str):
        return given
    return str(given) if isinstance(given, Path) else tuple(given or ())


def _describe(plan: RunPlan, output: OutputFormat) -> None:
    from dataclasses import replace

    from outboard.check.starting import findings_before
    from outboard.run.checks import check
    from outboard.run.plan.app_finding import AppFinding
    from outboard.run.plan.description import plan_as_json, plan_as_text

    found = check(plan)
    refused = any(plan.strict or each.finding.severity == "error" for each in found)
    for more in findings_before(plan, [each.finding for each in found]):
        refused = refused or (plan.strict and more.severity == "error")
        told = more if plan.strict else replace(more, severity="warning")  # it starts all the same
        found.append(AppFinding(told))
    typer.echo(
        json_line(plan_as_json(plan, found)) if output is OutputFormat.json else plan_as_text(plan, found)
    )
    if refused:
        raise typer.Exit(1)


def _wanted_dashboard(
    port: int, plan: RunPlan, ports: Ports, make_token: Callable[[], str]
) -> WantedDashboard:
    """It takes spans where an app exports some to nobody, and no collector is where one usually is."""
    import os
    from importlib.util import find_spec

    from outboard.host.listening import accepts
    from outboard.run.dashboard_program import WantedDashboard
    from outboard.run.plan.app_variables import exporting
    from outboard.runs.spans import given_token

    token = given_token(os.environ)
    if find_spec("jinja2") is None:
        return WantedDashboard(port, installed=False)
    if not exporting(plan) or accepts(COLLECTOR_PORT) or find_spec("opentelemetry.proto") is None:
        return WantedDashboard(port, installed=True)
    taken = {each for app in plan.apps for each in (app.app_port, app.http_port, app.grpc_port)}
    return WantedDashboard(port or ports.pick(DASHBOARD_PORT, taken), True, token or make_token())


def _execute(
    plan: RunPlan, output: OutputFormat, home: Path, plan_again: PlanAgain, dashboard: WantedDashboard | None,
    *, reload: bool,
) -> None:  # fmt: skip
    from outboard.check.starting import findings_before
    from outboard.resources.finding import refuse_errors
    from outboard.run.checks import check
    from outboard.run.main import execute
    from outboard.run.output.events import Caution
    from outboard.runs.folder import runs_folder

    report = _report(plan, output)
    found = findings_before(plan, [each.finding for each in check(plan)])
    if plan.strict:
        refuse_errors(found)
    for each in found:
        report(Caution(str(each)))
    execute(plan, report, runs_folder(home), plan_again, reload=reload, dashboard=dashboard)


def _report(plan: RunPlan, output: OutputFormat) -> Report:
    import os
    import sys

    from outboard.cli.console import line_writer, text_writer
    from outboard.run.output.formats import JsonLines, TextLines

    if output is OutputFormat.json:
        return JsonLines(line_writer(sys.stdout))
    return TextLines(text_writer(sys.stdout, os.environ), [app.app_id for app in plan.apps])
