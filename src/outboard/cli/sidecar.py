"""`outboard sidecar`."""

from __future__ import annotations

import typer

from outboard.cli.parameters import Given

__all__ = ["sidecar"]


def sidecar(**flags: Given) -> None:
    """Run a Dapr sidecar for one app, with the flags of daprd.

    It serves publish, subscriptions, state, secrets, calls of other apps, metadata and health over Dapr's
    HTTP API, on the loopback interface. Flags that have no effect here are accepted, so that a daprd command
    line works.
    DAPR_API_TOKEN is the token that callers must send, APP_API_TOKEN the one that is sent to the app.

    \b
    Examples:
      outboard sidecar --app-id api --app-port 8000 --resources-path components
      outboard sidecar --app-id publisher --dapr-http-port 3501 --log-level debug
    """
    import asyncio
    import os
    import sys

    from outboard.host.event_loop import new_event_loop
    from outboard.host.signals import ignore_stop_signals
    from outboard.sidecar.process.main import run

    async def until_stopped() -> int:
        try:
            return await run(_arguments(flags), os.environ, sys.stdout)
        finally:
            ignore_stop_signals()  # a late one must not change the exit code

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        code = runner.run(until_stopped())
    raise typer.Exit(code)


def _arguments(flags: dict[str, Given]) -> list[str]:
    """The command line that these values stand for."""
    arguments: list[str] = []
    for name, given in flags.items():
        values = given if isinstance(given, list | tuple) else [given]
        arguments += [f"--{name.replace('_', '-')}={_text(value)}" for value in values if value is not None]
    return arguments


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
