"""Which ports of this machine are free, and who has the others."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection
from typing import Final, Protocol

from outboard.errors import PortTaken
from outboard.host.listening import accepts
from outboard.host.owners import owner_of

__all__ = ["MachinePorts", "Ports", "port_taken", "reserve_address"]

LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
LAST_PORT: Final = 65535


class Ports(Protocol):
    """The ports of a machine, as a plan asks about them."""

    def owner(self, port: int) -> str | None:
        """Who listens on `port` of the loopback interface, as a phrase; None where it is free."""
        ...

    def pick(self, first: int, avoid: Collection[int]) -> int:
        """A free port, `first` or the next one after it that is not in `avoid`."""
        ...


class MachinePorts:
    """The ports of the machine that this runs on."""

    def owner(self, port: int) -> str | None:
        return None if _is_free(port) else owner_of(port)

    def pick(self, first: int, avoid: Collection[int]) -> int:
        candidates = (port for port in range(first, LAST_PORT + 1) if port not in avoid and _is_free(port))
        port = next(candidates, None)
        if port is None:
            raise PortTaken(first, "a sidecar", "others, as all the ports above it", "--dapr-http-port")
        return port


def port_taken(port: int, purpose: str, option: str) -> PortTaken:
    """The error that names the owner of `port`, wanted for `purpose` and set by `option`."""
    return PortTaken(port, purpose, MachinePorts().owner(port) or "a process that has just ended", option)


def reserve_address(bound: socket.socket) -> None:
    """Let `bound`, before it is bound, have its address alone: also just after another process had it."""
    if sys.platform == "win32":
        # There SO_REUSEADDR would take a port from under the process that has it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _is_free(port: int) -> bool:
    # Connecting too: macOS lets a second socket bind the loopback address of a port that is open on all.
    return all(_can_bind(family, host, port) for family, host in LOOPBACK) and not accepts(port)


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            reserve_address(probe)
            probe.bind((host, port))
    except PermissionError:
        return os.name == "posix"  # a privileged port is not a taken one; the bind itself will tell
    except OSError:
        return family == socket.AF_INET6 and not _has_ipv6()
    return True


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
