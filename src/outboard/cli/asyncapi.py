"""`outboard asyncapi`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from typing import Any

__all__ = ["asyncapi"]

BREAKS: Final = 1


def asyncapi(
    apps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[APP...]",
            help="MODULE:APP, as `shop.main:app`, or APP_ID=MODULE:APP; or a file that has a document "
            "already. Unless given, the apps of ./dapr.yaml.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", help="Compare with this older document: exit 1 where somebody breaks.", metavar="OLD"
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Write the document into this file, YAML or JSON by its name.", metavar="FILE"
        ),
    ] = None,
    run_file: Annotated[
        Path, typer.Option("--run-file", "-f", help="The run file that knows the folders of apps.")
    ] = Path("dapr.yaml"),
    title: Annotated[
        str, typer.Option("--title", help="That of the document.", show_default="the apps' own")
    ] = "",
    version: Annotated[
        str, typer.Option("--version", help="That of the document.", show_default="the app's own")
    ] = "",
    output: Annotated[
        OutputFormat,
        typer.Option("--output", "-o", help="text: YAML, and changes for people. json: JSON."),
    ] = OutputFormat.text,
) -> None:
    """Write an AsyncAPI 3.0 document of apps: their topics, who sends and receives, and the schemas.

    Apps are loaded as by `outboard check --app`, each in a process of its own; nothing is started. An app
    sends to a topic where it is seen to publish, or declares it without a handler.

    With `--against OLD` the schemas are compared by direction. Who sends what was not sent before breaks
    consumers; who does not receive any more what was received before breaks producers. Each change has its
    path and its rule. What cannot be told for certain counts as a break.

    \b
    Examples:
      outboard asyncapi shop.main:app --to asyncapi.yaml     the document of one app
      outboard asyncapi                                      of all apps of ./dapr.yaml
      outboard asyncapi shop.main:app --against asyncapi.yaml
      outboard asyncapi new.yaml --against old.yaml -o json  two files

    \b
    Exit codes: 0 nobody breaks, 1 somebody does, 2 it cannot be told.
    """
    import sys

    from outboard.asyncapi.reading import as_json, as_yaml, document_of, read_document

    old = None if against is None else read_document(against)
    found, remarks = document_of(apps or (), run_file, title, version)
    for each in remarks:
        typer.echo(each, err=True)
    if to is not None:
        _write(to, as_json(found) if to.suffix == ".json" else as_yaml(found))
    if against is not None and old is not None:
        _compare(old, found, against, output)
    elif to is None:
        if output is OutputFormat.json:
            write_json(found)
        else:
            sys.stdout.write(as_yaml(found))


def _write(path: Path, text: str) -> None:
    from outboard.errors import CommandError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", "Name another file.") from None


def _compare(old: dict[str, Any], new: dict[str, Any], against: Path, output: OutputFormat) -> None:
    from outboard.asyncapi.alternatives import CannotCompare
    from outboard.asyncapi.comparing import changes
    from outboard.asyncapi.output import json_of, text_of
    from outboard.errors import CommandError

    try:
        found = changes(old, new)
    except CannotCompare as error:
        raise CommandError(f"--against {against}: {error}", "Name AsyncAPI 3 documents.") from None
    except RecursionError:
        told = f"--against {against}: the documents are nested too deeply to be compared"
        raise CommandError(told, "Name AsyncAPI 3 documents.") from None
    if output is OutputFormat.json:
        write_json(json_of(found))
    else:
        for line in text_of(found):
            typer.echo(line)
    if any(each.breaks for each in found):
        raise typer.Exit(BREAKS)
