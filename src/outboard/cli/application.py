"""The commands put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from outboard.cli import engines
from outboard.cli.parameters import (
    flowing,
    run_parameters,
    sidecar_arguments,
    sidecar_parameters,
    with_parameters,
)
from outboard.cli.run import run
from outboard.cli.sidecar import sidecar

__all__ = ["build", "prepare"]

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def build(*, terminal: bool) -> typer.Typer:
    """The whole command. Help and usage errors are set in panels on a terminal, plain elsewhere."""
    app = typer.Typer(
        rich_markup_mode="rich" if terminal else None,
        pretty_exceptions_enable=False,  # a traceback with local variables would show secrets
        no_args_is_help=True,
        context_settings=HELP_NAMES,
    )
    app.callback()(outboard)
    app.command(context_settings={"allow_interspersed_args": False})(with_parameters(run, run_parameters()))
    app.command()(with_parameters(sidecar, sidecar_parameters()))
    app.add_typer(_engines(terminal=terminal), name="engines")
    return app


def _engines(*, terminal: bool) -> typer.Typer:
    group = typer.Typer(
        help="Start and stop a Kafka and a Redis on this machine, without containers.",
        rich_markup_mode="rich" if terminal else None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings=HELP_NAMES,
    )
    for command in (engines.up, engines.down, engines.status):
        group.command(help=flowing(command.__doc__ or ""))(command)
    return group


def prepare(arguments: Sequence[str]) -> list[str]:
    """`arguments` in the form that typer reads: `outboard sidecar` takes daprd's way of writing flags."""
    if arguments and arguments[0] == "sidecar":
        return ["sidecar", *sidecar_arguments(arguments[1:])]
    return list(arguments)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"outboard {version('outboard')}")
        raise typer.Exit


def outboard(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Event-driven FastAPI services on Dapr, on a laptop with nothing but Python.

    \b
    Examples:
      outboard run                                        the services of ./dapr.yaml
      outboard run --app-id api --app-port 8000 -- python -m api
      outboard sidecar --app-id api --app-port 8000       a sidecar alone, as daprd
      outboard engines up                                 a Kafka and a Redis, without containers
    """
