"""The commands put together: a table, of which only the command that is called is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer

__all__ = ["COMMANDS", "build"]

HELP_NAMES: Final = {"help_option_names": ["-h", "--help"]}
COMPLETION: Final = "_OUTBOARD_COMPLETE"
"""Set by a shell that asks for completions: the command line is in the environment then."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the list of all shows it; `add` imports it and adds it to an application.

    `add` gets whether help goes to a terminal.
    """

    summary: str
    add: Callable[[typer.Typer, bool], None]


def _run(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import with_parameters
    from outboard.cli.run import RunCommand, run
    from outboard.cli.run_options import run_parameters

    app.command(cls=RunCommand, context_settings={"allow_interspersed_args": False})(
        with_parameters(run, run_parameters())
    )


def _sidecar(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import with_parameters
    from outboard.cli.sidecar import sidecar
    from outboard.cli.sidecar_options import sidecar_parameters

    app.command()(with_parameters(sidecar, sidecar_parameters()))


def _add(group: typer.Typer, name: str, command: Callable[..., None]) -> None:
    """Add `command` to `group`; the list of the group's commands shows its first line whole."""
    from outboard.cli.parameters import flowing

    text = flowing(command.__doc__ or "")
    group.command(name, help=text, short_help=text.partition("\n")[0])(command)


def _engines(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.engines import down, status, up

    group = _application(terminal=terminal)
    for command in (up, down, status):
        _add(group, command.__name__, command)
    app.add_typer(group, name="engines", help=COMMANDS["engines"].summary)


def _trace(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import flowing
    from outboard.cli.trace import trace

    app.command(help=flowing(trace.__doc__ or ""))(trace)


def _topics(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.topics import dead_letter, held, list_topics, skip

    group = _application(terminal=terminal)
    for name, command in (
        ("list", list_topics),
        ("held", held),
        ("skip", skip),
        ("dead-letter", dead_letter),
    ):
        _add(group, name, command)
    app.add_typer(group, name="topics", help=COMMANDS["topics"].summary)


def _doctor(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.doctor import doctor
    from outboard.cli.parameters import flowing

    app.command(help=flowing(doctor.__doc__ or ""))(doctor)


def _dashboard(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.dashboard import dashboard
    from outboard.cli.parameters import flowing

    app.command(help=flowing(dashboard.__doc__ or ""))(dashboard)


def _publish(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import flowing
    from outboard.cli.publish import publish

    app.command(help=flowing(publish.__doc__ or ""))(publish)


def _subscribe(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import flowing
    from outboard.cli.subscribe import subscribe

    app.command(help=flowing(subscribe.__doc__ or ""))(subscribe)


def _state(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.state import delete, get, list_keys, set_value

    group = _application(terminal=terminal)
    for name, command in (("get", get), ("set", set_value), ("delete", delete), ("list", list_keys)):
        _add(group, name, command)
    app.add_typer(group, name="state", help=COMMANDS["state"].summary)


def _routes(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import flowing
    from outboard.cli.routes import routes

    app.command(help=flowing(routes.__doc__ or ""))(routes)


def _check(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.check import check
    from outboard.cli.parameters import flowing

    app.command(help=flowing(check.__doc__ or ""))(check)


def _explain(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.explain import explain
    from outboard.cli.parameters import flowing

    app.command(help=flowing(explain.__doc__ or ""))(explain)


def _schema(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import flowing
    from outboard.cli.schema import schema

    app.command(help=flowing(schema.__doc__ or ""))(schema)


def _manifests(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.manifests import manifests
    from outboard.cli.parameters import flowing

    app.command(help=flowing(manifests.__doc__ or ""))(manifests)


def _dead_letters(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.dead_letters import drop, list_letters, replay, show
    from outboard.cli.letter_options import selection_parameters
    from outboard.cli.parameters import with_parameters

    group = _application(terminal=terminal)
    _add(group, "list", with_parameters(list_letters, selection_parameters()))
    _add(group, "show", show)
    _add(group, "replay", with_parameters(replay, selection_parameters()))
    _add(group, "drop", with_parameters(drop, selection_parameters(with_state=False)))
    app.add_typer(group, name="dead-letters", help=COMMANDS["dead-letters"].summary)


def _outbox(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.outbox import check, sql, status

    group = _application(terminal=terminal)
    for name, command in (("status", status), ("check", check), ("sql", sql)):
        _add(group, name, command)
    app.add_typer(group, name="outbox", help=COMMANDS["outbox"].summary)


def _relay(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.parameters import flowing
    from outboard.cli.relay import relay

    app.command(help=flowing(relay.__doc__ or ""))(relay)


def _new(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.new import new
    from outboard.cli.parameters import flowing

    app.command(help=flowing(new.__doc__ or ""))(new)


def _info(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.info import info
    from outboard.cli.parameters import flowing

    app.command(help=flowing(info.__doc__ or ""))(info)


def _asyncapi(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.asyncapi import asyncapi
    from outboard.cli.parameters import flowing

    app.command(help=flowing(asyncapi.__doc__ or ""))(asyncapi)


def _migrate(app: typer.Typer, terminal: bool) -> None:
    from outboard.cli.migrate import migrate
    from outboard.cli.parameters import flowing

    app.command(help=flowing(migrate.__doc__ or ""))(migrate)


COMMANDS: Final[Mapping[str, Command]] = {
    "new": Command("Make a service to begin with: its code, tests, components and manifests.", _new),
    "run": Command("Start services with their sidecars, and stop them all with Ctrl-C.", _run),
    "dashboard": Command("Show the flow of events in a browser: live, with each event's story.", _dashboard),
    "check": Command("Find mistakes in Dapr's resources, manifests and dapr.yaml before they run.", _check),
    "explain": Command("Say what a rule of `check` is about.", _explain),
    "schema": Command(
        "Write JSON Schema of Dapr's files, so that an editor completes and marks them.", _schema
    ),
    "asyncapi": Command(
        "Write an AsyncAPI document of the events of apps, and tell what would break whom.", _asyncapi
    ),
    "migrate": Command(
        "List what a code base does by hand that the kit does, each place with its replacement.", _migrate
    ),
    "manifests": Command("Write Kubernetes manifests for the apps of a dapr.yaml.", _manifests),
    "doctor": Command("Say where events stay: hop by hop, to the first that is broken.", _doctor),
    "sidecar": Command("Run a Dapr sidecar for one app, with the flags of daprd.", _sidecar),
    "trace": Command(
        "Show what became of an event: each hop from its publisher to its handlers, live or past.", _trace
    ),
    "publish": Command(
        "Publish one event through the sidecar of an app, and show which apps get it.", _publish
    ),
    "subscribe": Command("Show the events of a topic as they come, until Ctrl-C.", _subscribe),
    "state": Command("Read and change the state of an app by hand.", _state),
    "routes": Command(
        "Show which apps get an event, by which of their routes, and why the others do not.", _routes
    ),
    "dead-letters": Command(
        "Look at the dead letters of an app, publish them again, or give them up.", _dead_letters
    ),
    "outbox": Command("See what an outbox holds, and whether its tables are right.", _outbox),
    "relay": Command(
        "Publish what apps have staged in an outbox, in a process of its own, until Ctrl-C or SIGTERM.",
        _relay,
    ),
    "engines": Command("Start and stop a Kafka and a Redis on this machine, without containers.", _engines),
    "topics": Command("See what holds the partitions of a pubsub.sqlite, and go on behind it.", _topics),
    "info": Command("Say what a bug report should have: versions, extras, engines, components.", _info),
}


def build(arguments: Sequence[str], environment: Mapping[str, str], *, terminal: bool) -> typer.Typer:
    """The command that `arguments` call, and the others by name and summary.

    Help and usage errors are set in panels on a terminal, plain elsewhere.
    """
    app = _application(terminal=terminal)
    app.callback()(outboard)
    called = next((each for each in arguments if not each.startswith("-")), "")
    for name, command in COMMANDS.items():
        if name == called or COMPLETION in environment:
            command.add(app, terminal)
        else:
            app.command(name, short_help=command.summary)(_not_called)
    return app


def _application(*, terminal: bool) -> typer.Typer:
    return typer.Typer(
        rich_markup_mode="rich" if terminal else None,
        pretty_exceptions_enable=False,  # a traceback with local variables would show secrets
        no_args_is_help=True,
        context_settings=HELP_NAMES,
    )


def _not_called() -> None:
    raise AssertionError("the command line names another command")


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
      outboard new orders                                 a service to begin with
      outboard run                                        the services of ./dapr.yaml
      outboard run --app-id api --app-port 8000 -- python -m api
      outboard sidecar --app-id api --app-port 8000       a sidecar alone, as daprd
      outboard trace EVENT_ID                             what became of an event
      outboard dashboard                                  the flow of events, in a browser
      outboard check                                      mistakes in the files, before they run
      outboard doctor                                     where did my event go?
      outboard engines up                                 a Kafka and a Redis, without containers
      outboard topics held                                events that fail again and again
      outboard dead-letters list -d sqlite:///shop.db     what its handlers gave up, by cause
    """
