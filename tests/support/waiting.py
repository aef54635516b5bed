"""Waiting, in an event loop, for what another process does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds. Raises TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nobody here could set an event
            await asyncio.sleep(0.02)
