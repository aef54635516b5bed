"""`outboard info`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

__all__ = ["info"]


def info(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the services (default: this one).", show_default=False)
    ] = Path(),
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = OutputFormat.text,
) -> None:
    """Say what a bug report should have: versions, extras, engines, components.

    Paste it into the report. It has no secret: of components it tells types and the names of fields, not
    their values; tokens and passwords in variables are `***`, and the path of your home is `~`.

    \b
    Examples:
      outboard info
      outboard info --output json > info.json
      outboard info services/orders           with the components of that folder
    """
    import os
    import sys

    from outboard.cli.console import progress
    from outboard.errors import CommandError
    from outboard.inventory.looking import look_around
    from outboard.inventory.output import as_json, as_text

    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder}", "Name one that there is.")
    with progress(sys.stderr) as say:
        say("asking programs for their versions")
        report = look_around(folder, os.environ, Path.home())
    if output is OutputFormat.json:
        write_json(as_json(report))
        return
    typer.echo("\n".join(as_text(report)))
