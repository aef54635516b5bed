"""`outboard migrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from outboard.migrate.reading import Looked

__all__ = ["migrate"]

FOUND: Final = 1


def migrate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Files and folders of Python.", show_default="this folder"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is to be changed. There is no other way yet.")
    ] = False,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or for other programs.")
    ] = OutputFormat.text,
) -> None:
    """List what a code base does by hand that the kit does, each place with its replacement.

    Looked for are: publishing and state by requests of one's own (httpx, requests, aiohttp, urllib) and by
    Dapr's SDK, an `except` around them that swallows what happens, an `except:` anywhere, the ports 3500 and
    50001, a new client for each call, a dict for an event, and handlers of `dapr.ext.fastapi`. The source is
    read, never run, and never changed: a person decides about each place, since a model and a key are to be
    chosen. Without `--dry-run` nothing is done, with exit code 2.

    Kit, SDK and handlers by hand work in one app, so that one endpoint can move at a time.

    \b
    Examples:
      outboard migrate --dry-run src           all that is below src
      outboard migrate --dry-run -o json src   for other programs

    \b
    Exit codes: 0 nothing is left, 1 something is, 2 a mistake in the call.
    """
    from outboard.errors import CommandError
    from outboard.migrate.reading import look_through

    if not dry_run:
        raise CommandError(
            "`outboard migrate` changes no code: what an event is, and its key, are yours to choose",
            "Ask for the list of places with --dry-run.",
        )
    looked = look_through(paths or [Path()])
    if output is OutputFormat.json:
        _tell_json(looked)
    else:
        _tell_text(looked)
    if looked.places:
        raise typer.Exit(FOUND)


def _tell_json(looked: Looked) -> None:
    from dataclasses import asdict

    write_json({"files": looked.files, "places": [asdict(each) for each in looked.places]})


def _tell_text(looked: Looked) -> None:
    from outboard.migrate.finding import KINDS, summary_of

    for each in looked.places:
        typer.echo(f"{each.file}:{each.line}: {each.kind}: {each.what}")
        typer.echo(f"    instead: {each.replacement}")
    for kind, number in summary_of(looked.places):
        typer.echo(f"{number} {kind}: {KINDS[kind]}")
    files = "1 file" if looked.files == 1 else f"{looked.files} files"
    places = "1 place" if len(looked.places) == 1 else f"{len(looked.places)} places"
    typer.echo(f"{files} read, {places} to change, nothing was changed")
