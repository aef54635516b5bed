"""`outboard doctor`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from outboard.doctor.port import Look
    from outboard.doctor.results import Diagnosis

__all__ = ["doctor"]

BROKEN = 1
COULD_NOT_LOOK = 2
MOST_PORT = 65535


def doctor(
    run_file: Annotated[
        Path | None,
        typer.Option(
            "--run-file",
            "-f",
            help="Of the runs, the newest of this dapr.yaml or folder (default: the newest that runs).",
            show_default=False,
        ),
    ] = None,
    run_id: Annotated[
        str,
        typer.Option("--run", help="The run of this id, a past one too.", metavar="ID", show_default=False),
    ] = "",
    app_id: Annotated[
        str,
        typer.Option("--app-id", "-a", help="Look at this app alone.", metavar="APP", show_default=False),
    ] = "",
    app_port: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_PORT, help="Port of an app whose sidecar was started by hand.", metavar="PORT"
        ),
    ] = 0,
    dapr_http_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_PORT,
            help="Port of a sidecar that was started by hand; then no run is looked for.",
            metavar="PORT",
        ),
    ] = 0,
    resources_path: Annotated[
        list[Path] | None,
        typer.Option(
            "--resources-path",
            "-d",
            help="Folder of its component files.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    short: Annotated[bool, typer.Option("--short", help="Show only what is not well.")] = False,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or a JSON object.")
    ] = OutputFormat.text,
) -> None:
    """Say where events stay: hop by hop, to the first that is broken.

    It walks from the app's port to the dead letters. It looks at the newest `outboard run` of this machine,
    or at one sidecar that was started by hand, with Outboard's sidecar or daprd. It changes nothing. Exit
    code 0: every hop is well; 1: one is broken; 2: it could not look.

    \b
    Examples:
      outboard doctor                            the newest run
      outboard doctor -f todo --short            that of a folder; only what is not well
      outboard doctor --app-id api --app-port 8000 --dapr-http-port 3500
      outboard doctor -o json
    """
    import os

    from outboard.clock import SystemClock
    from outboard.doctor.laptop.choosing import chosen_look

    look = chosen_look(
        Path.home(),
        run_file=run_file,
        run_id=run_id,
        app_id=app_id,
        app_port=app_port,
        dapr_http_port=dapr_http_port,
        resources_paths=tuple(resources_path or ()),
        folder=Path.cwd(),
        environment=os.environ,
        clock=SystemClock(),
    )
    diagnosis = _looked(look)
    _show(diagnosis, output, short=short)
    raise typer.Exit(_exit_code(diagnosis))


def _looked(look: Look) -> Diagnosis:
    import asyncio

    from outboard.doctor.walk import diagnose
    from outboard.host.event_loop import new_event_loop

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return diagnose(runner.run(look()))


def _show(diagnosis: Diagnosis, output: OutputFormat, *, short: bool) -> None:
    import json
    import os
    import sys

    from outboard.cli.console import text_writer, wants_colour
    from outboard.doctor.output.document import as_json
    from outboard.doctor.output.text import as_lines

    if output is OutputFormat.json:
        typer.echo(json.dumps(as_json(diagnosis), ensure_ascii=False))
        return
    signs = wants_colour(terminal=sys.stdout.isatty(), environment=os.environ)
    write: Callable[[str, int, str], None] = text_writer(sys.stdout, os.environ)
    for line in as_lines(diagnosis, signs=signs, short=short, windows=sys.platform == "win32"):
        write(*line)


def _exit_code(diagnosis: Diagnosis) -> int:
    if not diagnosis.success:
        return BROKEN
    looked = any(not each.skipped and each.checks for each in diagnosis.categories)
    return 0 if looked else COULD_NOT_LOOK
