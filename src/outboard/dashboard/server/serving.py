"""Serving the dashboard on a socket until somebody asks to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from outboard.errors import CommandError
from outboard.host.ports import port_taken, reserve_address
from outboard.host.stop_requests import on_stop_request

__all__ = ["bound", "serve"]

DRAIN: Final = 1
"""Seconds that a stream, which never ends by itself, may take at the end."""
PORT_OPTION: Final = "--port"


class _DashboardServer(uvicorn.Server):
    """uvicorn without its signal handlers, which would end the process with another code."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; any free port where `port` is 0.

    Raises PortTaken, and CommandError for a host that this machine does not have.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise CommandError(
            f"--host {host} is not known: {error}", "Name an address of this machine."
        ) from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        reserve_address(listener)
        listener.bind(address)
        listener.listen()
    except PermissionError as error:
        listener.close()
        raise CommandError(f"port {port} is for administrators", "Choose one above 1023.") from error
    except OSError as error:
        listener.close()
        if port:
            raise port_taken(port, "the dashboard", PORT_OPTION) from error
        told = f"--host {host} cannot be listened on: {error.strerror or error}"
        raise CommandError(told, "Name an address of this machine.") from error
    return listener


async def serve(
    app: ASGIApp, listener: socket.socket, up: Callable[[], None], end: Callable[[], None]
) -> None:
    """Call `up` once requests are taken, and `end`, which ends streams, when a signal asks to stop."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN,
    )
    server = _DashboardServer(config)

    def stop(_reason: str) -> None:
        end()
        server.should_exit = True

    with closing(listener), on_stop_request(stop):
        up()  # the socket listens already: whoever is quick waits a moment
        await asyncio.shield(server.serve(sockets=[listener]))
