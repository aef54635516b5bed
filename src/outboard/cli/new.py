"""`outboard new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

__all__ = ["new"]


def new(
    name: Annotated[
        str,
        typer.Argument(help="The service's name, as Dapr and Kubernetes are to call it.", metavar="NAME"),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="The folder that is written into (default: one of the service's name).",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = OutputFormat.text,
) -> None:
    """Make a service to begin with: its code, tests, components and manifests.

    It publishes an event, takes it in a handler and keeps what came of it. It has components for this machine
    and for a cluster, manifests for Kubernetes, settings of Visual Studio Code for the debugger, and a
    development container. Its tests pass, `outboard check` finds nothing, and `outboard run` starts it.

    A file that is there already is never written over: then nothing is written at all.

    \b
    Examples:
      outboard new orders                   into the folder orders
      outboard new orders --to .            into this folder
      outboard new orders --output json     the files that were made, for a program
    """
    from outboard.errors import CommandError
    from outboard.scaffold.writing import called, how_to_install, make_service

    if to == "":
        raise CommandError("--to is empty", "Name a folder, `.` for this one.")
    folder = Path(name if to is None else to)
    made = make_service(name, folder)
    if output is OutputFormat.json:
        write_json({"folder": folder.as_posix(), "files": [each.as_posix() for each in made]})
        return
    for each in made:
        typer.echo(f"written: {each}")
    itself = how_to_install("dashboard,testing")
    typer.echo(
        f"\nNow, in {called(folder)}:\n"
        + (f"  python -m pip install {itself}\n" if itself else "")
        + "  python -m pip install -r requirements-dev.txt\n"
        "  python -m pytest       its tests\n"
        "  outboard run           the service and its sidecar, until Ctrl-C"
    )
