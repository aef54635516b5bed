"""A Redis server."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from support.processes import free_ports
from support.servers import Server

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""The options with which a Redis has on disk what it has acknowledged."""


class RedisServer(Server):
    """A Redis on a free port of loopback; without `DURABLE` in its options it forgets all in a crash.

    In the options the text `{secured_port}` stands for `secured_port`, for `--tls-port`; the plain port
    remains.
    """

    def __init__(self, executable: Path, folder: Path, options: Sequence[str] = ()) -> None:
        port, self.secured_port = free_ports(2)
        wanted = [option.replace("{secured_port}", str(self.secured_port)) for option in options]
        fixed = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        super().__init__("Redis", [str(executable), *fixed, *wanted], port, folder, accepts_commands)

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`, as clients take it."""
        return f"redis://{self.address}/0"


def accepts_commands(port: int) -> bool:
    """Whether a Redis on `port` of loopback has loaded its data: until then it answers LOADING.

    One that asks for a password is ready as well.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
