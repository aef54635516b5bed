"""Which events the record keeps where there are too many: all that did not go well, and some of the others.

Whether an event is among the others is decided by its id alone, so that each process decides alike: one that
keeps 1 of 8 keeps all that a process which keeps 1 of 16 does. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from outboard.hops.record import Hop, is_unwell

__all__ = ["is_kept", "ones_in", "unwell"]

KEPT_PER_SECOND: Final = 1_000
MOST: Final = 2**20


def ones_in(hops: int, seconds: float) -> int:
    """Of how many events one is kept, a power of two, where so many hops came in so many seconds."""
    most = max(KEPT_PER_SECOND * max(seconds, 1.0), 1.0)
    one_in = 1
    while hops > most * one_in and one_in < MOST:
        one_in *= 2
    return one_in


def is_kept(event_id: str, one_in: int) -> bool:
    """Whether an event that went well is among those that are kept. What has no id always is."""
    return not event_id or not zlib.crc32(event_id.encode("utf-8", "replace")) & (one_in - 1)


def unwell(hops: Iterable[Hop]) -> set[str]:
    """The ids of the events of which a hop says that they did not go well."""
    return {hop.event.event_id for hop in hops if is_unwell(hop)}
