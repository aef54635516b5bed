"""Waiting for an app to listen."""

from __future__ import annotations

from typing import Final

from outboard.clock import Clock
from outboard.host.listening import is_listening
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.options import Options

__all__ = ["wait_for_app"]

INTERVAL: Final = 0.1


async def wait_for_app(options: Options, clock: Clock, log: SidecarLog) -> None:
    """Return once something listens on the app's port; there is no upper bound, as in daprd."""
    port = options.app_port
    log.info(
        "application protocol: %s. waiting on port %d.  "
        "This will block until the app is listening on that port.",
        options.app_protocol,
        port,
    )
    while not await is_listening(options.app_channel_address, port):
        await clock.sleep(INTERVAL)
    log.info("application discovered on port %d", port)
