"""The outboxes whose databases somebody names: what they hold, read only."""

from __future__ import annotations

import asyncio
from typing import Final

from outboard.doctor.evidence import OutboxSeen
from outboard.errors import OutboxUnavailable

__all__ = ["look_at_outboxes", "password_of"]

LIMIT: Final = 2.0
"""Seconds for one database."""
MOST: Final = 10
"""Parked events that are told of."""


async def look_at_outboxes(url: str) -> tuple[OutboxSeen, ...]:
    """Those of the database at `url`; one that says why, where it cannot be read."""
    shown = _shown(url)
    try:
        from outboard.kit.outbox.sql.looking import look_into
    except ImportError:
        return (OutboxSeen(shown, failure="SQLAlchemy is not there: pip install 'outboard[sql]'"),)
    try:
        async with asyncio.timeout(LIMIT):
            found = await look_into(url, MOST)
    except OutboxUnavailable as error:
        return (OutboxSeen(shown, failure=error.reason),)
    except TimeoutError:
        return (OutboxSeen(shown, failure=f"it has not answered within {LIMIT:g} s"),)
    return tuple(
        OutboxSeen(
            shown,
            each.table,
            each.depth.waiting,
            each.depth.parked,
            each.depth.oldest_age,
            tuple((event.event_id, event.topic, event.error) for event in each.parked),
        )
        for each in found
    )


def password_of(url: str) -> str:
    """Empty where it has none."""
    login = url.partition("://")[2].rpartition("@")[0]
    return login.partition(":")[2]


def _shown(url: str) -> str:
    """Without what a login or parameters may hold."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
