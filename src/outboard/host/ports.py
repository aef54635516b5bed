"""Which ports of this machine are free, and who has the others."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import Final, Protocol

from outboard.errors import PortTaken
from outboard.host.listening import accepts
from outboard.host.owners import owner_of

__all__ = ["MachinePorts", "Ports", "ReservedPorts", "port_taken", "reserve_address", "reserving"]

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


class ReservedPorts:
    """Ports of which no two runs of this machine pick one at the same time.

    A picked port is held by a datagram socket: a kernel's register of names, which leaves the port free for
    the stream sockets that a sidecar opens a moment later, and forgets what a killed process held.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._held: list[socket.socket] = []

    def owner(self, port: int) -> str | None:
        return self._ports.owner(port)

    def pick(self, first: int, avoid: Collection[int]) -> int:
        passed = set(avoid)
        while True:
            port = self._ports.pick(first, passed)
            if self._reserve(port):
                return port
            passed.add(port)

    def _reserve(self, port: int) -> bool:
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._held.append(held)
        try:
            held.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE  # elsewhere forbidden: nobody else can reserve it either
        return True

    def close(self) -> None:
        """Others may pick these ports again."""
        for held in self._held:
            held.close()


@contextmanager
def reserving(ports: Ports) -> Iterator[ReservedPorts]:
    """`ports`, of which what is picked is kept from other runs until the end of the block."""
    with closing(ReservedPorts(ports)) as reserved:
        yield reserved


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
