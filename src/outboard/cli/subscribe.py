"""`outboard subscribe`."""

from __future__ import annotations

from typing import Annotated

import typer

from outboard.cli.json_output import json_line
from outboard.cli.parameters import OutputFormat
from outboard.cli.places_options import AppId, Format, ResourcesPath, RunFile

__all__ = ["subscribe"]


def subscribe(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic.", show_default=False)],
    pubsub: Annotated[
        str,
        typer.Option(
            "--pubsub",
            "-p",
            help="The pub/sub component (default: the only one that there is).",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Also what lies there already.")
    ] = False,
    max_messages: Annotated[
        int,
        typer.Option(
            help="End after so many (default: until Ctrl-C).", min=0, metavar="N", show_default=False
        ),
    ] = 0,
    app_id: AppId = "",
    run_file: RunFile = None,
    resources_path: ResourcesPath = None,
    output: Format = OutputFormat.text,
) -> None:
    """Show the events of a topic as they come, until Ctrl-C.

    It looks on in a consumer group of its own, which is removed at the end: no other consumer loses an event,
    or gets one twice. Nothing needs to run: the component comes from the files of the newest run, of
    dapr.yaml, or of --resources-path.

    \b
    Examples:
      outboard subscribe task-events
      outboard subscribe task-events --from-beginning --max-messages 5
      outboard subscribe task-events -o json | jq .event.data
      outboard subscribe task-events --resources-path components/kafka
    """
    import asyncio
    import logging
    import sys

    from outboard.cli.console import line_writer
    from outboard.cli.places_options import places
    from outboard.errors import CommandError
    from outboard.live.messages import TailedMessage, message_line, message_object
    from outboard.live.tailing import TailStart, WantedTail, tail

    if not topic:
        raise CommandError("there is no topic", "Name it.")
    heard = logging.StreamHandler(sys.stderr)
    heard.addFilter(logging.Filter("outboard"))  # what libraries say, it says in its own words
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", handlers=[heard])
    write = line_writer(sys.stdout)

    def started(start: TailStart) -> None:
        typer.echo(f"Looking on {start.topic} of {start.pubsub} ({start.type}), until Ctrl-C", err=True)
        if start.note:
            typer.echo(f"Note: {start.note}", err=True)

    def seen(message: TailedMessage) -> None:
        as_json = output is OutputFormat.json
        write(json_line(message_object(message)) if as_json else message_line(message))

    wanted = WantedTail(topic, pubsub, from_beginning, max_messages)
    asyncio.run(tail(wanted, places(app_id, 0, run_file, resources_path), started, seen))
