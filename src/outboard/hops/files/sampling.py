"""Which events the record keeps where there are too many: all that did not go well, and some of the others.

Whether an event is among the others is decided by its id alone, so that each process decides alike: one that
keeps 1 of 8 keeps all that a process which keeps 1 of 16 does. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from zlib import crc32

from outboard.hops.record import Hop, is_unwell

__all__ = ["BURST", "SamplingBudget", "is_kept", "kept", "lasting_id", "ones_in", "unwell"]

PER_SECOND: Final = 100
"""Hops that may be kept: they cost a process less than a percent of its time."""
MOST: Final = 2**20
SHORTEST: Final = 0.001
"""Seconds in which hops are counted, at least."""
BURST: Final = 200
"""Hops that are kept at once, after a time with few of them."""
BY_HAND: Final = 2**12
"""Of so many events one is kept, at least, of as many as a process can take (400,000 hops a second)."""


class SamplingBudget:
    """How many hops may be kept: what was not used lately may be used now."""

    def __init__(self) -> None:
        self._saved = float(BURST)

    def one_in(self, hops: int, seconds: float) -> int:
        """Of how many events one is kept, of `hops` that came in `seconds`."""
        self._saved = min(self._saved + PER_SECOND * seconds, BURST)
        return ones_in(hops, self._saved)

    def spend(self, hops: int) -> None:
        """So many were kept."""
        self._saved = max(self._saved - hops, 0.0)

    def one_in_next(self, hops: int, seconds: float) -> int:
        """The same of the second that comes, if as many come as the `hops` of the last `seconds`."""
        return ones_in(int(hops / max(seconds, SHORTEST)), self._saved + PER_SECOND)


def ones_in(hops: int, most: float) -> int:
    """Of how many events one is kept, a power of two, where so many hops came and `most` may be kept."""
    one_in, most = 1, max(most, 1.0)
    while hops > most * one_in and one_in < MOST:
        one_in *= 2
    return one_in


def is_kept(event_id: str, one_in: int) -> bool:
    """Whether an event that went well is among those that are kept. What has no id always is."""
    try:
        return not crc32(event_id.encode()) & (one_in - 1) or not event_id
    except UnicodeEncodeError:  # half a character
        return not crc32(event_id.encode("utf-8", "replace")) & (one_in - 1)


def lasting_id(new_id: Callable[[], str]) -> str:
    """One of the ids that `new_id` makes, which is kept however many events there are: for an event that a
    person publishes to see what becomes of it. It takes some milliseconds.
    """
    while not is_kept(event_id := new_id(), BY_HAND):
        pass
    return event_id


def kept(event_ids: Sequence[str], one_in: int) -> list[int]:
    """The positions of those of `event_ids` that `is_kept` says."""
    mask = one_in - 1
    try:
        return [n for n, each in enumerate(event_ids) if not crc32(each.encode()) & mask or not each]
    except UnicodeEncodeError:
        return [n for n, each in enumerate(event_ids) if is_kept(each, one_in)]


def unwell(hops: Iterable[Hop]) -> set[str]:
    """The ids of the events of which a hop says that they did not go well."""
    return {hop.event.event_id for hop in hops if is_unwell(hop)}
