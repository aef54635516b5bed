"""`outboard engines`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat
from outboard.engines.defaults import KAFKA_PORT, MAVEN_CENTRAL, REDIS_PORT

if TYPE_CHECKING:
    from outboard.engines.control import EngineState, Machine

__all__ = ["down", "status", "up"]


class EngineName(StrEnum):
    kafka = "kafka"
    redis = "redis"


Names: TypeAlias = Annotated[
    list[EngineName] | None,
    typer.Argument(metavar="ENGINE", help="kafka, redis; both when none is named.", show_default=False),
]
Folder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Where data, logs and downloads are kept (default: ~/.outboard/engines).",
        envvar="OUTBOARD_ENGINES_FOLDER",
        metavar="FOLDER",
        show_default=False,
    ),
]
Format: TypeAlias = Annotated[
    OutputFormat, typer.Option("--output", "-o", help="For people, or a JSON array.")
]


def up(
    names: Names = None,
    kafka_port: Annotated[int, typer.Option(min=1, max=65535, metavar="PORT")] = KAFKA_PORT,
    redis_port: Annotated[int, typer.Option(min=1, max=65535, metavar="PORT")] = REDIS_PORT,
    folder: Folder = None,
    maven_url: Annotated[
        str,
        typer.Option(
            help="Maven repository that Kafka comes from.", envvar="OUTBOARD_MAVEN_URL", metavar="URL"
        ),
    ] = MAVEN_CENTRAL,
    output: Format = OutputFormat.text,
) -> None:
    """Start a Kafka and a Redis on this machine, and leave them running.

    Kafka needs Java 17 or newer. A Kafka of KAFKA_HOME or on PATH is used; without one its jars are
    downloaded once (36 MB). Redis needs redis-server or valkey-server. What is missing is told, with how to
    install it. What runs already is left alone. Both listen on loopback only and keep their data when they
    stop.

    \b
    Examples:
      outboard engines up                     both
      outboard engines up redis               one of them
      outboard engines up kafka --kafka-port 19092
      outboard run --resources components/kafka-redis
    """
    from outboard.engines.control import bring_up

    machine = _machine(folder, maven_url)
    ports = {EngineName.kafka: kafka_port, EngineName.redis: redis_port}
    states = [bring_up(machine, name.value, ports[name]) for name in _each(names)]
    _show(states, output)
    if any(state.problem for state in states):
        raise typer.Exit(1)


def down(
    names: Names = None,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete their topics and keys too.")
    ] = False,
    folder: Folder = None,
    output: Format = OutputFormat.text,
) -> None:
    """Stop what `outboard engines up` has started, and nothing else.

    \b
    Examples:
      outboard engines down
      outboard engines down kafka --delete-data
    """
    from outboard.engines.control import bring_down

    _show(
        bring_down(_machine(folder), [name.value for name in _each(names)], delete_data=delete_data), output
    )


def status(names: Names = None, folder: Folder = None, output: Format = OutputFormat.text) -> None:
    """Show what `outboard engines up` has started; exit code 1 where one does not run.

    \b
    Examples:
      outboard engines status
      outboard engines status kafka --output json
    """
    from outboard.engines.control import state_of

    machine = _machine(folder)
    states = [state_of(machine, name.value) for name in _each(names)]
    _show(states, output)
    if any(state.instance is None for state in states):
        raise typer.Exit(1)


def _each(names: Sequence[EngineName] | None) -> list[EngineName]:
    return list(dict.fromkeys(names or EngineName))


def _machine(folder: Path | None, repository: str = MAVEN_CENTRAL) -> Machine:
    import os

    from outboard.engines.control import Machine
    from outboard.host.ports import MachinePorts

    place = (folder or Path.home() / ".outboard" / "engines").absolute()
    place.mkdir(parents=True, exist_ok=True)
    return Machine(place, os.environ, MachinePorts(), repository, _say)


def _say(text: str) -> None:
    """Progress goes beside the result."""
    typer.echo(text, err=True)


def _show(states: Sequence[EngineState], output: OutputFormat) -> None:

    from outboard.engines.output import as_json, as_text, problems

    if output is OutputFormat.json:
        write_json([as_json(state) for state in states])
        return
    typer.echo("\n".join(as_text(states)))
    for text in problems(states):
        typer.echo(f"Error: {text}", err=True)
