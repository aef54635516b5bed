"""Before a block period: components that can are told to hand over nothing new, and what they did is handled.

Source: daprd 1.18, of which only a block period does that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from outboard.sidecar.components.port import ComponentError, Pausing
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub

__all__ = ["pause_all"]

LIMIT: Final = 30.0
"""Seconds, as daprd's."""


async def pause_all(pubsubs: Iterable[LoadedPubSub], log: SidecarLog) -> None:
    """Return once all that can pause are quiet, or after `LIMIT`; the log tells of what cannot be paused."""
    able = [(each.name, each.component) for each in pubsubs if isinstance(each.component, Pausing)]
    await asyncio.gather(*(_pause(name, component, log) for name, component in able))


async def _pause(name: str, component: Pausing, log: SidecarLog) -> None:
    log.info("pausing pubsub %s during graceful shutdown", name)
    try:
        async with asyncio.timeout(LIMIT):
            await component.pause()
    except TimeoutError:
        log.warning("pubsub %s still hands over events %g s after it was paused", name, LIMIT)
    except ComponentError as error:
        log.warning("failed to pause pubsub %s during graceful shutdown: %s", name, error)
