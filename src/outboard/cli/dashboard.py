"""`outboard dashboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from outboard.dashboard.main import ServedAt

__all__ = ["dashboard"]

LOOPBACK = "127.0.0.1"


def dashboard(
    run: Annotated[
        str,
        typer.Option(
            help="One run, by the beginning of its id (default: all that run, else the last one).",
            metavar="ID",
            show_default=False,
        ),
    ] = "",
    record: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a record of hops, in the place of a run's.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Others than loopback let other machines in.", metavar="ADDRESS"
        ),
    ] = LOOPBACK,
    port: Annotated[
        int,
        typer.Option(
            help="Port to listen on (default: a free one).",
            min=0,
            max=65535,
            metavar="PORT",
            show_default=False,
        ),
    ] = 0,
    database: Annotated[
        list[str] | None,
        typer.Option(
            "--database",
            "-d",
            help="A database with dead letters or an outbox that no app has told of, or whose password it "
            "needs, as a URL of SQLAlchemy. May be repeated.",
            envvar="OUTBOARD_DATABASE_URL",
            metavar="URL",
            show_default=False,
            show_envvar=True,
        ),
    ] = None,
    dapr_http_port: Annotated[
        list[int] | None,
        typer.Option(
            "--dapr-http-port",
            help="Port of a sidecar that no run has started, ours or daprd; may be given more than once.",
            min=1,
            max=65535,
            metavar="PORT",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or one JSON object a line.")
    ] = OutputFormat.text,
) -> None:
    """Show the flow of events in a browser: each event, what it caused, and why one failed. Until Ctrl-C.

    Reads what `outboard run` records, and asks the sidecars that run. It prints an address whose token works
    once: whoever opens it first keeps a cookie, and nobody else gets in. Nothing is asked of any other
    machine. `outboard run` starts one of its own. Apps may send it spans, by OTLP over HTTP with the token
    that it prints; OUTBOARD_SPANS_TOKEN gives it one of yours.

    \b
    Examples:
      outboard dashboard                       all that runs on this machine
      outboard dashboard --run 20261128-2247   a past run
      outboard dashboard --record hops/        what apps keep where OUTBOARD_HOPS says
      outboard dashboard --dapr-http-port 3500 a sidecar that was started by hand
      outboard dashboard --port 8420           always at the same port
    """
    import os

    from outboard.dashboard.main import run_dashboard
    from outboard.dashboard.watching import WatchedRuns
    from outboard.errors import CommandError
    from outboard.live.places import SearchPlaces
    from outboard.runs.spans import given_token

    if run and record is not None:
        raise CommandError("--run and --record name two records", "Give one of them.")
    if run and dapr_http_port:
        raise CommandError("--dapr-http-port is for sidecars that no run has started", "Leave out --run.")
    if record is not None and not record.is_dir():
        raise CommandError(f"there is no folder {record}", "Name one that OUTBOARD_HOPS named for an app.")
    watched = WatchedRuns(
        SearchPlaces(Path.home(), Path.cwd(), os.environ),
        run,
        record,
        tuple(database or ()),
        tuple(dapr_http_port or ()),
    )
    run_dashboard(watched, host, port, lambda served: _show(served, host, output), given_token(os.environ))


def _show(served: ServedAt, host: str, output: OutputFormat) -> None:
    from outboard.cli.json_output import json_line
    from outboard.sidecar.api.http.cross_origin import is_loopback

    if not is_loopback([host]):
        told = f"other machines can reach {host}, and read what goes over the network: it is not encrypted"
        typer.echo(f"Caution: {told}", err=True)
    spans = served.spans
    if output is OutputFormat.json:
        where = {"traces_endpoint": spans.endpoint, "traces_headers": spans.headers} if spans else {}
        typer.echo(json_line({"event": "dashboard", "url": served.url, **where}))
        return
    typer.echo(f"Dashboard: {served.url}")
    typer.echo("The address opens in one browser, once. Ctrl-C stops it")
    if spans is None:
        typer.echo(
            "It takes in no spans: opentelemetry-proto is not installed (pip install 'outboard[otel]')"
        )
        return
    typer.echo("It takes in spans, by OTLP over HTTP, of apps with these variables:")
    for name, value in spans.variables.items():
        typer.echo(f"  {name}={value}")
