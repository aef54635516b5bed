"""Whether something listens on a port."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Final

__all__ = ["accepts", "is_listening"]

DIAL_TIMEOUT: Final = 0.5


async def is_listening(host: str, port: int) -> bool:
    """Whether a connection to `port` of `host` is accepted; half a second without an answer is a no."""
    try:
        async with asyncio.timeout(DIAL_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def accepts(port: int, timeout: float = 0.2) -> bool:
    """The same of `port` of loopback, for code without an event loop; waits `timeout` seconds at most."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout)
        return probe.connect_ex(("127.0.0.1", port)) == 0
