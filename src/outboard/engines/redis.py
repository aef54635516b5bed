"""Redis, or Valkey, which is the same to its clients."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from outboard.errors import EngineUnavailable

__all__ = ["accepts_commands", "find_redis", "server_command"]

NAMES: Final = ("redis-server", "valkey-server")
KEGS: Final = (
    "/opt/homebrew/opt/redis/bin",
    "/opt/homebrew/opt/valkey/bin",
    "/usr/local/opt/redis/bin",
    "/usr/local/opt/valkey/bin",
)
ADVICE: Final = (
    "Install it: `sudo apt-get install redis-server` (Debian, Ubuntu), `sudo dnf install valkey` (Fedora), "
    "`brew install redis` (macOS); on Windows use WSL, or Memurai. Then run the same command again."
)
TIMEOUT: Final = 1.0


def find_redis(environment: Mapping[str, str]) -> Path:
    """The executable, on PATH or in Homebrew's folders. Raises EngineUnavailable with what to install."""
    for path in (environment.get("PATH", ""), *KEGS):
        for name in NAMES:
            if found := shutil.which(name, path=path):
                return Path(found)
    raise EngineUnavailable("redis", "there is no redis-server and no valkey-server on PATH", ADVICE)


def server_command(executable: Path, port: int, data: Path) -> list[str]:
    """What starts a Redis on `port` of loopback; its data outlives it, but for the last second of a crash."""
    keep = ["--appendonly", "yes", "--save", ""]
    return [str(executable), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), *keep]


def accepts_commands(port: int) -> bool:
    """Whether a Redis on `port` of loopback has loaded its data: until then it answers LOADING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
