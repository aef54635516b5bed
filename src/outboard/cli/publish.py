"""`outboard publish`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat, given_data
from outboard.cli.places_options import Format, HttpPort, RunFile

if TYPE_CHECKING:
    from outboard.live.publishing import PublishedByHand

__all__ = ["publish"]


def publish(
    topic: Annotated[
        str, typer.Option("--topic", "-t", help="The topic.", metavar="TOPIC", show_default=False)
    ],
    pubsub: Annotated[
        str,
        typer.Option(
            "--pubsub",
            "-p",
            help="The pub/sub component (default: the only one that the app has).",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", help="The data: JSON, else text.", metavar="DATA", show_default=False),
    ] = None,
    data_file: Annotated[
        Path | None,
        typer.Option(
            "--data-file",
            "-f",
            help="The data in a file; - is standard input, as without both options.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Not as a CloudEvent: the bytes as they are.")] = False,
    key: Annotated[str, typer.Option(help="The ordering key.", metavar="KEY", show_default=False)] = "",
    event_id: Annotated[
        str,
        typer.Option("--id", help="The event's id (default: a new one).", metavar="ID", show_default=False),
    ] = "",
    event_type: Annotated[
        str, typer.Option("--type", help="The event's type.", metavar="TYPE", show_default=False)
    ] = "",
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            help="Metadata of the publish: NAME=VALUE, may be repeated, or a JSON object.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
    app_id: Annotated[
        str,
        typer.Option(
            "--publish-app-id",
            "--app-id",
            "-i",
            help="The app through whose sidecar it goes (default: the first that has the component).",
            metavar="APP",
            show_default=False,
        ),
    ] = "",
    dapr_http_port: HttpPort = 0,
    run_file: RunFile = None,
    output: Format = OutputFormat.text,
) -> None:
    """Publish one event through the sidecar of an app, and show which apps get it.

    What is a CloudEvent already keeps its attributes; other data becomes that of a new one, from the app
    whose sidecar it is. The command returns once the broker has it.

    \b
    Examples:
      outboard publish -t task-events -d '{"id": 7, "title": "milk"}'
      outboard publish -t task-events -f event.json --key 7
      cat reading | outboard publish -t readings --raw --metadata ttlInSeconds=60
      outboard publish -t task-events -d '{}' --publish-app-id backend -o json
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.errors import CommandError
    from outboard.live.publishing import ToPublish
    from outboard.live.publishing import publish as publish_event

    if not topic:
        raise CommandError("--topic is empty", "Name the topic.")
    of_event = [name for name, value in (("--id", event_id), ("--type", event_type)) if value]
    if raw and of_event:
        told = f"--raw publishes the bytes as they are, which have no {' and no '.join(of_event)}"
        raise CommandError(told, "Leave it out.")
    wanted = ToPublish(
        topic, given_data(data, data_file), pubsub, raw, key, event_id, event_type, _metadata(metadata or ())
    )
    _show(asyncio.run(publish_event(wanted, places(app_id, dapr_http_port, run_file))), output)


def _show(done: PublishedByHand, output: OutputFormat) -> None:
    from outboard.live.routing_output import route_lines, route_objects

    if output is OutputFormat.json:
        told = {name: getattr(done, name) for name in ("id", "correlationid", "pubsub", "topic")}
        told |= {"app": done.app_id, "routes": route_objects(done.routes), "note": done.note}
        write_json(told)
        return
    what = f"event {done.id}" if done.id else "a raw payload"
    typer.echo(f"Published {what} to {done.topic} of {done.pubsub}, through the sidecar of {done.app_id}")
    explained_by = f"outboard routes {done.topic} --explain"
    for line in route_lines(done.routes, explain=False, explained_by=explained_by):
        typer.echo(f"  {line}")
    if done.note:
        typer.echo(f"  Note: {done.note}")
    if done.id:
        typer.echo(f"  outboard trace {done.id} shows what becomes of it")


def _metadata(given: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Raises CommandError for what is neither NAME=VALUE nor a JSON object of texts."""
    import json

    from outboard.errors import CommandError

    pairs: dict[str, str] = {}
    for each in given:
        if each.lstrip().startswith("{"):
            try:
                found = json.loads(each)
            except ValueError as error:
                raise CommandError(f"--metadata {each} is no JSON: {error}", "Correct it.") from error
            pairs |= {
                name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()
            }
            continue
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise CommandError(f"--metadata {each} has no `=`", "Write NAME=VALUE, or a JSON object.")
        pairs[name] = value
    return pairs
