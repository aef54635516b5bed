"""Telling the consumers of other processes that there is something new, without delay.

One datagram on loopback. It says nothing but "look", so one that is lost, or forged, does no harm: a log
looks by itself too, every `LOOK_EVERY` seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

__all__ = ["LOOK_EVERY", "LOOK_OFTEN", "MEMBERS", "NEWS", "Caller", "listening"]

LOOPBACK: Final = "127.0.0.1"
NEWS: Final = b"n"
"""There are new events."""
MEMBERS: Final = b"m"
"""A member has come or gone, or left a partition."""
LOOK_EVERY: Final = 0.1
LOOK_OFTEN: Final = 0.005
"""Seconds, where no datagram can be received."""


class Caller:
    """Calls ports. It never waits, and may be used in any thread."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def call(self, ports: Sequence[int], what: bytes) -> None:
        """Say `what` at `ports`; nobody there is no error."""
        for port in ports:
            with suppress(OSError):
                self._socket.sendto(what, (LOOPBACK, port))

    def close(self) -> None:
        self._socket.close()


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._heard(data)


@asynccontextmanager
async def listening(heard: Callable[[bytes], None]) -> AsyncIterator[int]:
    """Call `heard` with each datagram while the block runs; yields the port, 0 where there can be none."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(heard), (LOOPBACK, 0))
    except OSError:
        yield 0
        return
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
