"""`outboard relay`."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["relay"]

MOST_PORT = 65535


def relay(
    database: Annotated[
        str,
        typer.Option(
            "--database",
            "-d",
            help="The database of the outbox, as a URL of SQLAlchemy: `sqlite:///shop.db`.",
            envvar="OUTBOARD_DATABASE_URL",
            metavar="URL",
            show_default=False,
            show_envvar=True,
        ),
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="What the names of the tables begin with.", metavar="TEXT")
    ] = "outboard_",
    dapr_http_port: Annotated[
        int,
        typer.Option(
            help="Port of the sidecar (default: DAPR_HTTP_ENDPOINT, DAPR_HTTP_PORT, else 3500).",
            min=0,
            max=MOST_PORT,
            metavar="PORT",
            show_default=False,
        ),
    ] = 0,
) -> None:
    """Publish what apps have staged in an outbox, in a process of its own, until Ctrl-C or SIGTERM.

    It takes turns with the relays of the apps. Asked to stop, it waits for what is under way.

    \b
    Examples:
      outboard relay -d sqlite:///shop.db --dapr-http-port 3500
    """
    import asyncio
    import logging
    import os
    import sys

    from outboard.errors import CommandError
    from outboard.host.event_loop import new_event_loop
    from outboard.kit.streaming.program import until_stopped
    from outboard.live.outboxes import relaying

    if not database:
        advice = "Give its URL with --database, such as sqlite:///shop.db, or in OUTBOARD_DATABASE_URL."
        raise CommandError("no database is named", advice)
    environment = dict(os.environ)
    if dapr_http_port:
        environment.pop("DAPR_HTTP_ENDPOINT", None)
        environment["DAPR_HTTP_PORT"] = str(dapr_http_port)
    heard = logging.StreamHandler(sys.stderr)
    heard.addFilter(logging.Filter("outboard"))  # what libraries say, it says in its own words
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", handlers=[heard])
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(until_stopped(relaying(database, prefix, environment)))
