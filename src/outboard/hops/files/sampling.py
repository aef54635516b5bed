"""Which events the record keeps where there are too many: all that did not go well, and some of the others.

Whether an event is among the others is decided by its id alone, so that each process decides alike: one that
keeps 1 of 8 keeps all that a process which keeps 1 of 16 does. A random UUID, as the kit makes it, is kept by
its last digits, any other id by its checksum: of many UUIDs, one behind the other, no one has to be looked at
alone, which costs an eighth. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final
from zlib import crc32

from outboard.hops.record import Hop, is_unwell

__all__ = ["BURST", "SamplingBudget", "is_kept", "joined", "kept", "lasting_id", "ones_in", "unwell"]

PER_SECOND: Final = 100
"""Hops that may be kept: they cost a process less than a percent of its time."""
MANY: Final = 1_000
"""Hops in a second; where there are more, what is kept of them costs time that events wait for,"""
OF_MANY: Final = 32
"""so that fewer may be kept: as many as a person looks at."""
MOST: Final = 2**20
SHORTEST: Final = 0.001
"""Seconds in which hops are counted, at least."""
BURST: Final = 200
"""Hops that are kept at once, after a time with few of them."""
UUID: Final = 36
LINE: Final = UUID + 1
VERSION: Final = 14
HYPHEN: Final = 23
LAST: Final = 35
"""Of the text of a UUID its length, with what is behind it, and the places of what it is known by."""
FEW: Final = 8
"""So many ids are sooner looked at one by one."""
BITS_OF_DIGIT: Final = 4
DIGIT: Final = 2**BITS_OF_DIGIT - 1
"""The largest: where 1 of more than so many is kept, the last digit of its UUID is 0."""
BY_HAND: Final = 2**12
"""Of so many events one is kept, at least, of as many as a process can take (400,000 hops a second)."""


class SamplingBudget:
    """How many hops may be kept: what was not used lately may be used now."""

    def __init__(self) -> None:
        self._saved = float(BURST)

    def one_in(self, hops: int, seconds: float) -> int:
        """Of how many events one is kept, of `hops` that came in `seconds`."""
        self._saved = min(self._saved + _may_be_kept(hops, seconds) * seconds, BURST)
        return ones_in(hops, self._saved)

    def spend(self, hops: int) -> None:
        """So many were kept."""
        self._saved = max(self._saved - hops, 0.0)

    def one_in_next(self, hops: int, seconds: float) -> int:
        """The same of the second that comes, if as many come as the `hops` of the last `seconds`."""
        per_second = hops / max(seconds, SHORTEST)
        return ones_in(int(per_second), self._saved + _may_be_kept(hops, seconds))


def _may_be_kept(hops: int, seconds: float) -> int:
    """In a second, where so many hops come."""
    return PER_SECOND if hops <= MANY * max(seconds, SHORTEST) else OF_MANY


def ones_in(hops: int, most: float) -> int:
    """Of how many events one is kept, a power of two, where so many hops came and `most` may be kept."""
    one_in, most = 1, max(most, 1.0)
    while hops > most * one_in and one_in < MOST:
        one_in *= 2
    return one_in


def is_kept(event_id: str, one_in: int) -> bool:
    """Whether an event that went well is among those that are kept. What has no id always is."""
    if len(event_id) == UUID and event_id[VERSION] == "4" and event_id[HYPHEN] == "-":
        return event_id.endswith(_endings(one_in))
    try:
        return not crc32(event_id.encode()) & (one_in - 1) or not event_id
    except UnicodeEncodeError:  # half a character
        return not crc32(event_id.encode("utf-8", "replace")) & (one_in - 1)


@cache
def _endings(one_in: int) -> tuple[str, ...]:
    """How UUIDs end that are kept: so many of their last bits are 0 (RFC 9562: all of them are random)."""
    zeros, bits = divmod(one_in.bit_length() - 1, BITS_OF_DIGIT)
    digits = range(0, 2**BITS_OF_DIGIT, 2**bits) if bits else ()
    return tuple({f"{each:{form}}" + "0" * zeros for each in digits for form in "xX"}) or ("0" * zeros,)


def lasting_id(new_id: Callable[[], str]) -> str:
    """One of the ids that `new_id` makes, which is kept however many events there are: for an event that a
    person publishes to see what becomes of it. It takes some milliseconds.
    """
    while not is_kept(event_id := new_id(), BY_HAND):
        pass
    return event_id


def joined(event_ids: Sequence[str]) -> bytes | None:
    """The ids, one in a line, where all are random UUIDs (RFC 9562, version 4), and more than a few."""
    count = len(event_ids)
    if count < FEW:
        return None
    try:
        names = "\n".join(event_ids).encode()
    except UnicodeEncodeError:
        return None
    are_uuids = (
        len(names) == LINE * count - 1
        and names[UUID::LINE] == b"\n" * (count - 1)
        and names[VERSION::LINE] == b"4" * count
        and names[HYPHEN::LINE] == b"-" * count
    )
    return names if are_uuids else None


def kept(event_ids: Sequence[str], one_in: int, names: bytes | None = None) -> list[int]:
    """The positions of those of `event_ids` that `is_kept` says. `names` is what `joined` says of them."""
    if names is None:
        return _kept_of_any(event_ids, one_in)
    endings = _endings(one_in)
    if one_in <= DIGIT:
        return [n for n, each in enumerate(event_ids) if each.endswith(endings)]
    found, last = list[int](), names[LAST::LINE]
    position = last.find(b"0")
    while position >= 0:
        if event_ids[position].endswith(endings):
            found.append(position)
        position = last.find(b"0", position + 1)
    return found


def _kept_of_any(event_ids: Sequence[str], one_in: int) -> list[int]:
    """As `is_kept`, which is called for those alone that may be UUIDs."""
    mask, uuid = one_in - 1, UUID
    try:
        return [
            n
            for n, each in enumerate(event_ids)
            if (is_kept(each, one_in) if len(each) == uuid else not crc32(each.encode()) & mask or not each)
        ]
    except UnicodeEncodeError:
        return [n for n, each in enumerate(event_ids) if is_kept(each, one_in)]


def unwell(hops: Iterable[Hop]) -> set[str]:
    """The ids of the events of which a hop says that they did not go well."""
    return {hop.event.event_id for hop in hops if is_unwell(hop)}
