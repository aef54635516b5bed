"""`outboard schema`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["schema"]


def schema(
    word: Annotated[
        str,
        typer.Argument(
            metavar="TYPE|dapr.yaml|all",
            help="A type of component, `dapr.yaml`, a kind as `subscription`, `resource` for files that hold "
            "resources of any kind (the default), or `all`.",
            show_default=False,
        ),
    ] = "resource",
    vscode: Annotated[
        bool,
        typer.Option(
            "--vscode", help="Write schemas and settings of Visual Studio Code into .vscode of this folder."
        ),
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Write into this folder, instead of printing.", metavar="FOLDER", show_default=False
        ),
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="How to tell what was written.")
    ] = OutputFormat.text,
) -> None:
    """Write JSON Schema of Dapr's files, so that an editor completes and marks them.

    Any editor with a YAML language server takes them: it then offers types, fields and values while you
    write, and marks what `outboard check` would find wrong there. `--vscode` writes the settings of Visual
    Studio Code; what stands in them already is kept, comments included.

    \b
    Examples:
      outboard schema --vscode                     all that VS Code needs, in this folder
      outboard schema pubsub.kafka > kafka.json    the schema of one type
      outboard schema dapr.yaml                    that of the run file
      outboard schema all --to schemas             each into a file
    """
    from outboard.errors import CommandError
    from outboard.schema.writing import schema_text, write_all, write_settings

    if vscode:
        if to is not None or word != "resource":
            raise CommandError("--vscode writes what it needs itself", "Leave the rest out.")
        _tell(write_settings(Path(), _resource_folders()), output)
    elif word == "all":
        if to is None:
            raise CommandError("`all` are several files", "Name a folder for them: --to schemas")
        _tell(write_all(to), output)
    elif to is not None:
        raise CommandError(f"`{word}` is one schema, which is printed", f"Write > {word}.schema.json")
    else:
        typer.echo(schema_text(word), nl=False)


def _resource_folders() -> Iterator[Path]:
    """Those that the run file of this folder names. Raises ResourceError for a run file that is wrong."""
    from outboard.run.plan.settings import RESOURCES_PATH
    from outboard.run.plan.template import FILE_NAME, read_template

    if Path(FILE_NAME).is_file():
        for app in read_template(Path(FILE_NAME)).apps:
            folders = app.settings.get(RESOURCES_PATH)
            yield from map(Path, folders if isinstance(folders, tuple) else ())


def _tell(changed: Sequence[Path], output: OutputFormat) -> None:
    if output is OutputFormat.json:
        write_json({"written": [each.as_posix() for each in changed]})
        return
    for each in changed:
        typer.echo(f"written: {each}")
    if not changed:
        typer.echo("everything is up to date")
