"""Options that say which sidecars and files a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outboard.live.places import SearchPlaces

__all__ = ["AppId", "Format", "HttpPort", "ResourcesPath", "RunFile", "places"]

AppId: TypeAlias = Annotated[
    str,
    typer.Option(
        "--app-id", "-i", help="The app of the run that is meant.", metavar="APP", show_default=False
    ),
]
HttpPort: TypeAlias = Annotated[
    int,
    typer.Option(
        help="A sidecar by its port, in the place of a run's (token: DAPR_API_TOKEN).",
        min=0,
        max=65535,
        metavar="PORT",
        show_default=False,
    ),
]
RunFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="The run of this run file, or of the folder that has it (default: the newest run).",
        metavar="PATH",
        show_default=False,
    ),
]
ResourcesPath: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--resources-path",
        help="Folder of component files, in the place of a run's. May be repeated.",
        metavar="FOLDER",
        show_default=False,
    ),
]
Format: TypeAlias = Annotated[OutputFormat, typer.Option("--output", "-o", help="For people, or JSON.")]


def places(
    app_id: str = "",
    http_port: int = 0,
    run_file: Path | None = None,
    resources: Sequence[Path] | None = None,
) -> SearchPlaces:
    """What the options say. Raises CommandError where two of them speak of different things."""
    import os

    from outboard.errors import CommandError
    from outboard.live.places import SearchPlaces

    if http_port and run_file is not None:
        raise CommandError("--dapr-http-port and --run-file name two sidecars", "Give one of them.")
    return SearchPlaces(
        Path.home(), Path.cwd(), os.environ, app_id, http_port, run_file, tuple(resources or ())
    )
