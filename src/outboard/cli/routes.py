"""`outboard routes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat, content_of
from outboard.cli.places_options import AppId, Format, HttpPort, ResourcesPath, RunFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outboard.gojson.values import Json

__all__ = ["routes"]


def routes(
    topic_or_file: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC|EVENT.json",
            help="A topic, or a file with an event: a CloudEvent, or the data of one.",
            show_default=False,
        ),
    ],
    topic: Annotated[
        str,
        typer.Option(
            "--topic",
            "-t",
            help="The topic of an event that names none.",
            metavar="TOPIC",
            show_default=False,
        ),
    ] = "",
    pubsub: Annotated[
        str,
        typer.Option(
            "--pubsub",
            "-p",
            help="The pub/sub component (default: every one).",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why the others do not get it, rule by rule.")
    ] = False,
    app_id: AppId = "",
    dapr_http_port: HttpPort = 0,
    run_file: RunFile = None,
    resources_path: ResourcesPath = None,
    output: Format = OutputFormat.text,
) -> None:
    """Show which apps get an event, by which of their routes, and why the others do not.

    Asks the sidecars of the newest run; where nothing runs, it reads dapr.yaml and the component files, which
    do not know what an app subscribes to itself. Nothing is published. Exit code 1 where no app gets it.

    \b
    Examples:
      outboard routes task-events                    of the run
      outboard routes task-event                     why nobody gets it
      outboard routes event.json --explain           each rule evaluated for an event
      outboard routes data.json -t task-events       the data of an event
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.errors import CommandError
    from outboard.live.asking import wirings
    from outboard.live.places import app_places, one_app
    from outboard.live.routing import answers
    from outboard.live.routing_output import route_lines, route_objects

    if not topic_or_file:
        raise CommandError("there is no topic", "Name it, or a file with an event.")
    event = _event(topic_or_file)
    named, component = _target(topic_or_file, event, topic, pubsub)
    where = places(app_id, dapr_http_port, run_file, resources_path)
    apps = asyncio.run(wirings(one_app(where, app_places(where))))
    if dapr_http_port and (silent := [app.remark for app in apps if not app.runs]):
        advice = "Name the HTTP port of a sidecar, or leave --dapr-http-port out to ask those of the run."
        raise CommandError(f"no sidecar answers: {silent[0]}", advice)
    seen = None if event is None else {**event, "topic": named, "pubsubname": component}
    found = answers(apps, component, named, seen)
    if output is OutputFormat.json:
        told = {"topic": named, "pubsub": component, "routes": route_objects(found)}
        write_json(told)
    else:
        for line in route_lines(found, explain=explain):
            typer.echo(line)
    if all(each.outcome == "not" for each in found):
        raise typer.Exit(1)


def _event(name: str) -> Mapping[str, Json] | None:
    """The event in the file `name`; None where that is a topic. Raises CommandError."""
    from pathlib import Path

    from outboard.live.events import event_in

    file = Path(name)
    if not (file.is_file() or name.endswith(".json")):
        return None
    return event_in(content_of(file, name), name)


def _target(name: str, event: Mapping[str, Json] | None, topic: str, pubsub: str) -> tuple[str, str]:
    """The topic and the component, said or in the event. Raises CommandError."""
    from outboard.errors import CommandError

    if event is None:
        if topic:
            raise CommandError(f"the topic is named twice: {name} and {topic}", "Leave --topic out.")
        return name, pubsub
    found = topic or event.get("topic")
    if not isinstance(found, str) or not found:
        raise CommandError(f"the event in {name} names no topic", "Name it with --topic.")
    component = event.get("pubsubname")
    return found, pubsub or (component if isinstance(component, str) else "")
