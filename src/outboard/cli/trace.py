"""`outboard trace`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from outboard.cli.cluster_options import Context, Kubeconfig
from outboard.trace.formats import TraceFormat

if TYPE_CHECKING:
    from outboard.trace.asking import Writer
    from outboard.trace.question import Question

__all__ = ["trace"]

SECONDS_BETWEEN: Final = 2.0
"""Pods are asked less often than a folder is."""


def trace(
    event_id: Annotated[
        str,
        typer.Argument(metavar="EVENT_ID", help="The id of the event, or its beginning.", show_default=False),
    ] = "",
    topic: Annotated[
        str, typer.Option(help="Events that lay on this topic.", metavar="TOPIC", show_default=False)
    ] = "",
    key: Annotated[
        str, typer.Option(help="Events with this ordering key.", metavar="KEY", show_default=False)
    ] = "",
    app: Annotated[
        str,
        typer.Option(help="Events that this app published or was given.", metavar="APP", show_default=False),
    ] = "",
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Events of which any hop did not go well, even if a later one did."),
    ] = False,
    since: Annotated[
        str,
        typer.Option(
            help="Not what was over before that, as 10m, 2h or 90s.", metavar="AGO", show_default=False
        ),
    ] = "",
    conversation: Annotated[
        str,
        typer.Option(
            help="The tree of all that came of a request: its correlation id, or that of an event in it."
            " Beside other options, those of it that fit.",
            metavar="ID",
            show_default=False,
        ),
    ] = "",
    causes: Annotated[
        bool, typer.Option("--causes", help="With an EVENT_ID: the events that led to it, before it.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show each hop that fits as it comes, until Ctrl-C.")
    ] = False,
    erase: Annotated[
        bool,
        typer.Option(
            "--erase",
            help="With --key: tell what the record has of its events, to erase it.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --erase: erase it.")] = False,
    output: Annotated[
        TraceFormat, typer.Option("--output", "-o", help="For people, JSON, or a diagram of Mermaid.")
    ] = TraceFormat.text,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the record, in the place of a run's.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        str,
        typer.Option(
            help="A past run, by the beginning of its id (default: the newest).",
            metavar="ID",
            show_default=False,
        ),
    ] = "",
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="The records of the pods of this namespace of Kubernetes, in the place of a run's.",
            metavar="NAMESPACE",
            show_default=False,
        ),
    ] = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show what became of an event: each hop from its publisher to its handlers, live or past.

    Reads the record that `outboard run` keeps, or with --namespace those that the apps of pods keep, by
    port-forward (which needs the extra `kubernetes`). What led to what, and the broker's offsets, say the
    order of the hops; the times are those of each process. Without an EVENT_ID, it lists events. Exit code 1
    where nothing fits.

    \b
    Examples:
      outboard trace 4f3c2a1b                       one event, by the beginning of its id
      outboard trace --failed --since 10m           what did not go well lately
      outboard trace --topic task-events --follow   as it happens
      outboard trace --conversation ID -o mermaid   all that came of a request, as a diagram
      outboard trace 4f3c2a1b --causes              what led to it
      outboard trace --erase --key 17 --yes         forget a person's events
      outboard trace 4f3c2a1b -n todo-chatbot       on Kubernetes, across the pods
    """
    import os
    import sys

    from outboard.cli.console import text_writer
    from outboard.errors import CommandError
    from outboard.hops.selection import Selection
    from outboard.trace.asking import Writer, trace_once
    from outboard.trace.asking import follow as follow_record
    from outboard.trace.question import Question

    _refuse_contradictions(
        {"EVENT_ID": event_id, "--topic": topic, "--app": app, "--failed": failed, "--since": since,
         "--conversation": conversation, "--causes": causes, "--follow": follow},
        erase=erase, yes=yes, output=output,
    )  # fmt: skip
    if record is not None and run:
        raise CommandError("--record and --run name two records", "Give one of them.")
    _refuse_elsewhere(
        namespace,
        {"--record": record, "--run": run, "--erase": erase},
        {"--context": context, "--kubeconfig": kubeconfig},
    )
    selection = Selection(event_id, topic, key, app, conversation, _since(since), failed)
    question = Question(selection, conversation, causes)
    write_line = text_writer(sys.stdout, os.environ)
    write = Writer(
        lambda line: write_line(line.text, len(line.text), line.style),
        lambda text: typer.echo(text, err=True),
    )
    if namespace:
        _in_pods(question, namespace, kubeconfig, context, output, write, keep_on=follow)
        return
    folder = _run_folder(run) if record is None else _folder(record)
    if erase:
        _erase(folder, key, output, dry=not yes)
    elif follow:
        follow_record(question, folder, output, write)
    elif not trace_once(question, folder, output, write):
        raise typer.Exit(1)


def _refuse_contradictions(
    said: Mapping[str, object], *, erase: bool, yes: bool, output: TraceFormat
) -> None:
    """What would be passed over without a word. Raises CommandError."""
    from outboard.errors import CommandError

    beside = [name for name, value in said.items() if value]
    if erase and output is TraceFormat.mermaid:
        raise CommandError("--erase shows no diagram", "Leave --output out, or write -o json.")
    if erase and beside:
        problem = f"--erase erases all events of a key: {', '.join(beside)} would not narrow that"
        raise CommandError(problem, "Leave it out.")
    if yes and not erase:
        raise CommandError("--yes is for --erase alone", "Leave it out, or write --erase --key KEY --yes.")
    if said["--causes"] and not said["EVENT_ID"]:
        raise CommandError(
            "--causes tells what led to one event", "Name it: outboard trace EVENT_ID --causes."
        )
    if said["--conversation"] and said["EVENT_ID"]:
        told = "an EVENT_ID and --conversation are two questions"
        raise CommandError(told, "Ask for one: --conversation takes the id of an event, too.")
    if said["--follow"] and (said["--causes"] or output is TraceFormat.mermaid):
        what = "--causes" if said["--causes"] else "a diagram"
        raise CommandError(
            f"--follow shows hops as they come, and {what} looks back", "Leave one of them out."
        )


def _refuse_elsewhere(
    namespace: str, of_here: Mapping[str, object], of_cluster: Mapping[str, object]
) -> None:
    """Options of this machine beside those of a cluster. Raises CommandError."""
    from outboard.errors import CommandError

    if not namespace and (given := [name for name, value in of_cluster.items() if value]):
        ask = "asks" if len(given) == 1 else "ask"
        raise CommandError(f"{' and '.join(given)} {ask} of a namespace", "Name it with --namespace.")
    if namespace and (given := [name for name, value in of_here.items() if value]):
        problem = f"--namespace looks at a cluster, and {', '.join(given)} at this machine"
        raise CommandError(problem, "Leave one of them out.")
    kubeconfig = of_cluster["--kubeconfig"]
    if isinstance(kubeconfig, Path) and not kubeconfig.is_file():
        raise CommandError(f"--kubeconfig {kubeconfig}: there is no such file", "Name the one of kubectl.")


def _in_pods(
    question: Question, namespace: str, kubeconfig: Path | None, context: str,
    output: TraceFormat, write: Writer, *, keep_on: bool,
) -> None:  # fmt: skip
    """Answer from the records of the pods. Raises CommandError, and Exit where nothing fits."""
    import time

    from outboard.doctor.kubernetes.records import records_of_pods
    from outboard.trace.asking import follow, trace_once

    with records_of_pods(namespace, kubeconfig, context) as records:

        def copy(seconds: float = 0.0) -> None:
            time.sleep(seconds and SECONDS_BETWEEN)
            for problem in records.copy():
                write.aside(f"Note: {problem}")

        copy()
        if keep_on:
            follow(question, records.folder, output, write, copy)
        elif not trace_once(question, records.folder, output, write, f"the pods of {namespace}"):
            raise typer.Exit(1)


def _erase(folder: Path, key: str, output: TraceFormat, *, dry: bool) -> None:
    """Raises CommandError where no key is given."""
    from outboard.cli.json_output import write_json
    from outboard.errors import CommandError
    from outboard.hops.files.erasure import erase

    if not key:
        raise CommandError("--erase erases the events of one key", "Name it with --key.")
    done = erase(folder, key, dry=dry)
    are = "is" if done.hops == 1 else "are"
    found = f"{_counted(done.hops, 'hop')} of {_counted(done.events, 'event')} with the key {key} {are}"
    if output is TraceFormat.json:
        counted = {"record": str(folder), "key": key, "events": done.events, "hops": done.hops}
        write_json({**counted, "erased": not dry and not done.problems})
    elif not done.hops:
        typer.echo(f"The record in {folder} has no hop of an event with the key {key}")
    else:
        typer.echo(f"{found} in {folder}; --yes erases them" if dry else f"{found} erased from {folder}")
    for problem in done.problems:
        typer.echo(f"Note: {problem}", err=True)
    if done.problems or not done.hops:
        raise typer.Exit(1)


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _since(text: str) -> float:
    """The time `text` ago, in seconds since 1970; 0 where nothing is said. Raises CommandError."""
    if not text:
        return 0.0
    import time

    from outboard.errors import CommandError
    from outboard.resources import duration

    advice = "Write it as 90s, 10m or 2h."
    try:
        seconds = duration.parse(text)
    except ValueError as error:
        raise CommandError(f"--since {text} is no duration", advice) from error
    if seconds < 0:
        raise CommandError(f"--since {text} is a time to come", advice)
    return time.time() - seconds


def _folder(named: Path) -> Path:
    """Raises CommandError where nothing is there."""
    from outboard.errors import CommandError

    if not named.is_dir():
        raise CommandError(f"there is no folder {named}", "Name one that OUTBOARD_HOPS named for an app")
    return named


def _run_folder(run_id: str) -> Path:
    """Where the newest run keeps its hops, or the one that is named. Raises CommandError."""
    from outboard.runs.finding import find_run
    from outboard.runs.folder import HOPS, runs_folder

    return find_run(runs_folder(Path.home()), run_id=run_id, live=False).path / HOPS
