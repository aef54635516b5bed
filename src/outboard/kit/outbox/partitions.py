"""Which events are kept in order, and which relay publishes them until when. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

__all__ = [
    "LEASE_SECONDS",
    "NO_LEASE",
    "PARTITIONS",
    "RENEWAL_SECONDS",
    "Lease",
    "lane_of",
    "partition_of",
    "share_of",
    "surplus_of",
]

PARTITIONS: Final = 16
"""So many relays can share the work. Stored rows depend on it: it never changes."""


def lane_of(pubsub: str, topic: str, key: str | None, event_id: str) -> int:
    """The lane of an event, a signed integer of 64 bits: the same for all of one key and topic.

    An event without a key has a lane of its own. Keys of any length make an index entry, and an advisory
    lock, of the same size; two that fall together are merely kept in order with each other.
    """
    parts = (pubsub, topic, "key", key) if key else (pubsub, topic, "id", event_id)
    text = b"".join(len(part).to_bytes(4, "big") + part for part in (item.encode("utf-8") for item in parts))
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def partition_of(lane: int) -> int:
    """From 0 to PARTITIONS - 1."""
    return lane % PARTITIONS


LEASE_SECONDS: Final = 30.0
RENEWAL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Lease:
    """`asked_at` is when it was asked for, by the monotonic clock of the relay, in seconds.

    It is counted from then, not from the answer: so it never ends later here than in the database.
    """

    partitions: frozenset[int]
    asked_at: float

    def covers(self, partition: int, now: float) -> bool:
        """Whether an event of `partition` may be sent."""
        return partition in self.partitions and self.lasts(now)

    def lasts(self, now: float) -> bool:
        """Whether it is one still."""
        return now < self.asked_at + LEASE_SECONDS

    def is_due(self, now: float) -> bool:
        """Whether it is to be renewed."""
        return now >= self.asked_at + RENEWAL_SECONDS

    def without(self, partitions: Collection[int]) -> Lease:
        """What is left of it."""
        return Lease(self.partitions.difference(partitions), self.asked_at)


NO_LEASE: Final = Lease(frozenset(), float("-inf"))


def share_of(token: str, members: Collection[str]) -> int:
    """How many partitions `token` is to have, one of `members`: as many as the others, or one more.

    Who sees the same members comes to the same result; all shares together are all partitions.
    """
    each, more = divmod(PARTITIONS, len(members))
    return each + (sorted(members).index(token) < more)


def surplus_of(partitions: Collection[int], size: int, busy: Collection[int]) -> frozenset[int]:
    """Which of these to give up so that `size` are left: first those that are not `busy`."""
    by_need = sorted(partitions, key=lambda each: (each in busy, each))
    return frozenset(by_need[: max(0, len(by_need) - size)])
