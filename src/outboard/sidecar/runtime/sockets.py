"""Listening sockets: bound by ourselves, so that a taken port can be told with its owner."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from outboard.errors import CommandError, PortTaken
from outboard.host.owners import owner_of
from outboard.host.ports import reserve_address

__all__ = ["Purpose", "listening"]

# Where the machine has no IPv6, or an address does not exist, the others are enough.
ABSENT: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL})
# Windows says "access denied" of a port that another process holds for itself.
TAKEN: Final = frozenset({errno.EADDRINUSE} | ({errno.EACCES} if sys.platform == "win32" else set()))
TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a port is for, as errors tell it, and the option that sets it."""

    name: str
    option: str


@contextmanager
def listening(addresses: Sequence[str], port: int, purpose: Purpose) -> Iterator[list[socket.socket]]:
    """Sockets bound to `port` of each address that this machine has; 0 is a free port, the same for all.

    Raises PortTaken, and CommandError where no address can be bound.
    """
    with ExitStack() as stack:
        sockets = _bind_free(addresses, purpose) if port == 0 else _bind(addresses, port, purpose)
        for bound in sockets:
            stack.enter_context(bound)
        yield sockets


def _bind_free(addresses: Sequence[str], purpose: Purpose) -> list[socket.socket]:
    """A port that is free in one family may be taken in the other: then take another one."""
    for attempt in range(TRIES):
        with ExitStack() as stack:
            sockets: list[socket.socket] = []
            try:
                for address in addresses:
                    port = sockets[0].getsockname()[1] if sockets else 0
                    found = _bind([address], port, purpose, required=False)
                    sockets.extend(map(stack.enter_context, found))
            except PortTaken:
                if attempt == TRIES - 1:
                    raise
                continue
            if not sockets:
                break
            stack.pop_all()
            return sockets
    raise _nowhere(addresses, purpose)


def _bind(
    addresses: Sequence[str], port: int, purpose: Purpose, *, required: bool = True
) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    with ExitStack() as stack:
        for address in addresses:
            for family, target in _resolved(address):
                bound = _bind_one(family, target, port, purpose)
                if bound is not None:
                    sockets.append(stack.enter_context(bound))
        if required and not sockets:
            raise _nowhere(addresses, purpose)
        stack.pop_all()
    return sockets


def _resolved(address: str) -> list[tuple[socket.AddressFamily, str]]:
    host = address.strip("[]")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return []
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))


def _bind_one(family: socket.AddressFamily, host: str, port: int, purpose: Purpose) -> socket.socket | None:
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        _configure(bound)
        bound.bind((host, port))
        bound.listen(2048)
    except OSError as error:
        bound.close()
        if error.errno in ABSENT:
            return None
        if error.errno in TAKEN:
            raise PortTaken(port, purpose.name, owner_of(port), purpose.option) from error
        raise CommandError(f"port {port} for {purpose.name} cannot be opened: {error.strerror}",
                           f"Choose another one with {purpose.option}") from error  # fmt: skip
    bound.setblocking(False)
    return bound


def _configure(bound: socket.socket) -> None:
    reserve_address(bound)
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def _nowhere(addresses: Sequence[str], purpose: Purpose) -> CommandError:
    names = ", ".join(addresses)
    problem = f"none of the addresses for {purpose.name} ({names}) is one of this machine"
    return CommandError(problem, "Correct --dapr-listen-addresses")
