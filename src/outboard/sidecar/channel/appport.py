"""Waiting for an app to listen."""

from __future__ import annotations

import asyncio
from typing import Final

from outboard.clock import Clock
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.options import Options

__all__ = ["wait_for_app"]

INTERVAL: Final = 0.1
DIAL_TIMEOUT: Final = 0.5


async def wait_for_app(options: Options, clock: Clock, log: SidecarLog) -> None:
    """Return once something listens on the app's port; there is no upper bound, as in daprd."""
    port = options.app_port
    log.info(
        "application protocol: %s. waiting on port %d.  "
        "This will block until the app is listening on that port.",
        options.app_protocol,
        port,
    )
    while not await _listens(options.app_channel_address, port):
        await clock.sleep(INTERVAL)
    log.info("application discovered on port %d", port)


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(DIAL_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True
