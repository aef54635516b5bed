"""Waiting for an app to listen."""

from __future__ import annotations

from typing import Final

from outboard.clock import Clock
from outboard.host.listening import is_listening
from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.logs import SidecarLog

__all__ = ["wait_for_app"]

INTERVAL: Final = 0.1


async def wait_for_app(app: AppConnection, clock: Clock, log: SidecarLog) -> None:
    """Return once something listens on the app's port; there is no upper bound, as in daprd."""
    log.info(
        "application protocol: %s. waiting on port %d.  "
        "This will block until the app is listening on that port.",
        app.protocol,
        app.port,
    )
    while not await is_listening(app.address, app.port):
        await clock.sleep(INTERVAL)
    log.info("application discovered on port %d", app.port)
