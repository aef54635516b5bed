"""`outboard run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.parameters import ONE_APP, Given

if TYPE_CHECKING:
    from outboard.run.output.events import Report
    from outboard.run.plan.plan import Plan, RunOptions
    from outboard.run.plan.template import AppSpec

__all__ = ["run"]

COMMAND_LINE = "--app-id"


class Output(StrEnum):
    text = "text"
    json = "json"


class Engine(StrEnum):
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
        Output, typer.Option("--output", "-o", help="For people, or one JSON object a line.")
    ] = Output.text,
    engine: Annotated[
        Engine, typer.Option(help="The sidecars: Outboard's own, or Dapr's daprd.")
    ] = Engine.outboard,
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
    app_id: Annotated[
        str | None,
        typer.Option(
            "--app-id",
            "-a",
            help="Name of the app.",
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
    from outboard.run.plan.plan import RunOptions

    specs = _specs(run_file, app_id, command or (), settings)
    options = RunOptions(
        frozenset(attach or ()), reload, _folders(resources or ()), _executable(engine, daprd_path)
    )
    plan = _plan(specs, options)
    if dry_run:
        _describe(plan, output)
    elif not _execute(plan, output):
        raise typer.Exit(1)


def _folders(paths: Sequence[Path]) -> tuple[str, ...]:
    """The folders of `--resources`, absolute: each sidecar runs in the folder of its app."""
    from outboard.errors import CommandError

    for path in paths:
        if not path.is_dir():
            raise CommandError(f"--resources {path}: there is no such folder", "Correct it, or create it.")
    return tuple(str(path.absolute()) for path in paths)


def _executable(engine: Engine, named: Path | None) -> Path | None:
    """The daprd of `--engine daprd`; None for Outboard's own sidecar."""
    import os

    from outboard.errors import CommandError
    from outboard.run.plan.daprd_executable import find_daprd

    if engine is Engine.daprd:
        return find_daprd(named, os.environ, Path.home())
    if named is not None:
        raise CommandError("--daprd-path is for `--engine daprd`", "Add that, or leave the path out.")
    return None


def _specs(
    run_file: Path | None, app_id: str | None, command: Sequence[str], settings: Mapping[str, Given]
) -> Sequence[AppSpec]:
    from outboard.errors import CommandError
    from outboard.run.plan.template import read_template

    given = {name: value for name, value in settings.items() if value}
    if not (app_id or command):
        if given:
            name = next(iter(given)).replace("_", "-")
            advice = "Set it in dapr.yaml, or name one app with --app-id."
            if name == "resources-path":
                advice = "For the components of all apps use `--resources FOLDER`."
            raise CommandError(f"--{name} is for one app, and dapr.yaml may have several", advice)
        return read_template(run_file or Path.cwd()).apps
    if run_file is not None:
        raise CommandError("-f and an app on the command line exclude each other", "Leave one of them out.")
    if not app_id:
        raise CommandError("the app has no name", "Name it: `outboard run --app-id NAME -- COMMAND`.")
    return [_one_app(app_id, command, given)]


def _one_app(app_id: str, command: Sequence[str], given: Mapping[str, Given]) -> AppSpec:
    from outboard.run.plan.template import AppSpec

    values = {name.replace("_", "-"): _value(value) for name, value in given.items()}
    return AppSpec(app_id, Path.cwd(), tuple(command), COMMAND_LINE, settings=values)


def _value(given: Given) -> int | bool | str | tuple[str, ...]:
    if isinstance(given, bool | int | str):
        return given
    return str(given) if isinstance(given, Path) else tuple(given or ())


def _plan(specs: Sequence[AppSpec], options: RunOptions) -> Plan:
    import os

    from outboard.host.ports import MachinePorts
    from outboard.run.plan.interpreter import this_interpreter
    from outboard.run.plan.plan import make_plan

    return make_plan(specs, options, MachinePorts(), this_interpreter(), os.environ)


def _describe(plan: Plan, output: Output) -> None:
    import json

    from outboard.run.plan.description import plan_as_json, plan_as_text

    typer.echo(
        json.dumps(plan_as_json(plan), ensure_ascii=False) if output is Output.json else plan_as_text(plan)
    )


def _execute(plan: Plan, output: Output) -> bool:
    from outboard.run.main import execute

    return execute(plan, _report(plan, output))


def _report(plan: Plan, output: Output) -> Report:
    import os
    import sys

    from outboard.cli.console import line_writer, text_writer
    from outboard.run.output.formats import JsonLines, TextLines

    if output is Output.json:
        return JsonLines(line_writer(sys.stdout))
    return TextLines(text_writer(sys.stdout, os.environ), [app.app_id for app in plan.apps])
