"""`outboard topics`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from outboard.topics.control import DeadLetterTo
    from outboard.topics.finding import FoundLogs

__all__ = ["dead_letter", "held", "list_topics", "skip"]

File: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="The log itself, in the place of component files.", metavar="FILE", show_default=False),
]
ResourcesPath: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--resources-path",
        "-d",
        help="Folder of component files. May be repeated.",
        metavar="FOLDER",
        show_default=False,
    ),
]
RunFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--run-file",
        "-f",
        help="Run file whose apps' components count (default: ./dapr.yaml).",
        metavar="FILE",
        show_default=False,
    ),
]
AppId: TypeAlias = Annotated[
    str,
    typer.Option(
        "--app-id", "-a", help="Only the components of this app.", metavar="NAME", show_default=False
    ),
]
Format: TypeAlias = Annotated[OutputFormat, typer.Option("--output", "-o", help="For people, or JSON.")]
Topic: TypeAlias = Annotated[str, typer.Argument(metavar="TOPIC", show_default=False)]
Partition: TypeAlias = Annotated[int, typer.Option(min=0, metavar="NUMBER", show_default=False)]
Offset: TypeAlias = Annotated[
    int,
    typer.Option(
        min=1, help="Of the event: it must still be the one that holds.", metavar="NUMBER", show_default=False
    ),
]
Group: TypeAlias = Annotated[
    str, typer.Option(help="The consumer group: an app id, as a rule.", metavar="NAME", show_default=False)
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do it, instead of showing it.")]


def list_topics(
    file: File = None,
    resources_path: ResourcesPath = None,
    run_file: RunFile = None,
    app_id: AppId = "",
    output: Format = OutputFormat.text,
) -> None:
    """Show the topics of pubsub.sqlite, and how far each group has come.

    The files are those that the components of ./dapr.yaml name, or else those of ~/.dapr/components or
    ~/.outboard/components, as with `outboard run`.

    \b
    Examples:
      outboard topics list
      outboard topics list -d components --output json
      outboard topics list --file events.db
    """
    from outboard.topics.control import summaries_of
    from outboard.topics.output import topic_as_json, topics_as_text

    found = _found(file, resources_path, run_file, app_id)
    by_log = [(log, summaries_of(log)) for log in found.logs if log.path.is_file()]
    if output is OutputFormat.json:
        write_json([topic_as_json(log, topic) for log, topics in by_log for topic in topics])
    else:
        _write_text(line for log, topics in by_log for line in topics_as_text(log, topics))


def held(
    topic: Annotated[str, typer.Option(help="Only of this topic.", metavar="NAME", show_default=False)] = "",
    file: File = None,
    resources_path: ResourcesPath = None,
    run_file: RunFile = None,
    app_id: AppId = "",
    output: Format = OutputFormat.text,
) -> None:
    """Show the events that hold their partition, as they fail again and again; exit code 1 if there are any.

    Of each it shows how often it failed, why, and what waits behind it, with the commands to go on.

    \b
    Examples:
      outboard topics held
      outboard topics held --topic orders --output json
    """
    from outboard.topics.control import held_in
    from outboard.topics.output import held_as_json, held_as_text

    found = _found(file, resources_path, run_file, app_id)
    events = [
        (log, event)
        for log in found.logs
        if log.path.is_file()
        for event in held_in(log)
        if topic in ("", event.topic)
    ]
    if output is OutputFormat.json:
        write_json([held_as_json(log, event) for log, event in events])
    else:
        _write_text(line for log, event in events for line in held_as_text(log, event))
        if not events:
            typer.echo("nothing holds a partition")
    if events:
        raise typer.Exit(1)


def skip(
    topic: Topic,
    partition: Partition,
    offset: Offset,
    group: Group,
    yes: Yes = False,
    file: File = None,
    resources_path: ResourcesPath = None,
    run_file: RunFile = None,
    app_id: AppId = "",
    output: Format = OutputFormat.text,
) -> None:
    """Have a group go on behind the event that holds a partition. Shows what it would do; --yes does it.

    It works while the sidecar runs. The event must still be the one that holds the partition: where it is
    not, nothing is changed.

    \b
    Examples:
      outboard topics held                    shows the numbers, and the whole command
      outboard topics skip orders --partition 3 --offset 118 --group billing
      outboard topics skip orders --partition 3 --offset 118 --group billing --yes
    """
    found = _found(file, resources_path, run_file, app_id)
    _pass_over(found, topic, group, partition, offset, None, yes=yes, output=output)


def dead_letter(
    topic: Topic,
    partition: Partition,
    offset: Offset,
    group: Group,
    to: Annotated[
        str,
        typer.Option(help="Topic that it goes to (default: TOPIC-dead).", metavar="NAME", show_default=False),
    ] = "",
    reason: Annotated[
        str, typer.Option(help="Why (default: that of its last failure).", metavar="TEXT", show_default=False)
    ] = "",
    yes: Yes = False,
    file: File = None,
    resources_path: ResourcesPath = None,
    run_file: RunFile = None,
    app_id: AppId = "",
    output: Format = OutputFormat.text,
) -> None:
    """Move the event that holds a partition to a dead letter topic. Shows what it would do; --yes does it.

    The dead letter is the event with the reason and where it comes from, as those of the kit are. It is there
    and the group goes on, or neither.

    \b
    Examples:
      outboard topics dead-letter orders --partition 3 --offset 118 --group billing
      outboard topics dead-letter orders --partition 3 --offset 118 --group billing --to bad-orders --yes
    """
    from outboard.topics.control import DeadLetterTo
    from outboard.wire.deadletters import default_topic

    found = _found(file, resources_path, run_file, app_id)
    letter = DeadLetterTo(to or default_topic(topic), reason)
    _pass_over(found, topic, group, partition, offset, letter, yes=yes, output=output)


def _pass_over(
    found: FoundLogs,
    topic: str,
    group: str,
    partition: int,
    offset: int,
    letter: DeadLetterTo | None,
    *,
    yes: bool,
    output: OutputFormat,
) -> None:
    from outboard.topics.control import MeantEvent, choose, look, pass_over
    from outboard.topics.output import outcome_as_json, outcome_as_text, plan_as_text

    log, meant = choose(found, topic), MeantEvent(topic, group, partition, offset)
    outcome = pass_over(log, meant, letter) if yes else None
    event = look(log, meant) if outcome is None else outcome.event
    if output is OutputFormat.json:
        write_json(outcome_as_json(log, event, letter, outcome))
    elif outcome is None:
        _write_text(plan_as_text(log, event, letter))
    else:
        _write_text(outcome_as_text(outcome, letter))


def _found(
    file: Path | None, resources_path: list[Path] | None, run_file: Path | None, app_id: str
) -> FoundLogs:
    """What there is; what is not there, or is not kept by this sidecar, is said beside the result."""
    import asyncio
    import os

    from outboard.errors import CommandError
    from outboard.topics.control import kafka_advice
    from outboard.topics.finding import Places, find

    if sum(map(bool, (file, resources_path, run_file))) > 1:
        problem = "--file, --resources-path and --run-file exclude each other"
        raise CommandError(problem, "Leave all of them out but one.")
    if file is not None and not file.is_file():
        raise CommandError(
            f"--file {file}: there is no such file", "`outboard topics list` shows those there are."
        )
    places = Places(Path.cwd(), Path.home(), os.environ, file, tuple(resources_path or ()), run_file, app_id)
    found = asyncio.run(find(places))
    for log in found.logs:
        if not log.path.is_file():
            typer.echo(
                f"Note: {log.path} of '{log.pubsub}' is not there yet: nothing was published.", err=True
            )
    for component in found.kafka:
        typer.echo(f"Note: {kafka_advice(component)}", err=True)
    if not found.logs and not found.kafka:
        problem = f"no component of type pubsub.sqlite was found in {found.places}"
        advice = "Name its folder with -d, an app that it is scoped to with --app-id, or the log with --file."
        raise CommandError(problem, advice)
    return found


def _write_text(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
