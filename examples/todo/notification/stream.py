"""The feed as server-sent events (HTML Living Standard, "Server-sent events")."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from notification.feed import Feed

KEEP_ALIVE: Final = 15.0
"""Seconds. Proxies close a connection on which nothing is said for long."""

RECONNECT_MILLISECONDS: Final = 1000


async def server_sent_events(
    feed: Feed, last_event_id: str = "", keep_alive: float = KEEP_ALIVE
) -> AsyncGenerator[str, None]:
    """What came after `last_event_id`, then each notification as it comes, until the feed ends."""
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
    position = last_event_id
    while True:
        try:
            async with asyncio.timeout(keep_alive):
                news = await feed.next(position)
        except TimeoutError:
            yield ": keep-alive\n\n"
            continue
        if not news:
            return
        for position, notification in news:
            yield f"id: {position}\ndata: {notification.model_dump_json()}\n\n"
