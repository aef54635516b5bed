"""`outboard sidecar`."""

from __future__ import annotations

from collections.abc import Sequence

from outboard.cli.parameters import Given

__all__ = ["serve", "sidecar"]


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
    raise AssertionError("typer writes the help of this command; `serve` is what it does")


def serve(arguments: Sequence[str]) -> int:
    """Run the sidecar of this command line, which is daprd's: the exit code. Raises CommandError."""
    import asyncio
    import os
    import sys

    from outboard.host.event_loop import new_event_loop
    from outboard.host.signals import ignore_stop_signals
    from outboard.sidecar.process.main import run

    async def until_stopped() -> int:
        try:
            return await run(arguments, os.environ, sys.stdout, settled=ignore_stop_signals)
        finally:
            ignore_stop_signals()  # a late one must not change the exit code

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(until_stopped())
