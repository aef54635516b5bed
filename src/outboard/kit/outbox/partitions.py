"""Which events are kept in order, and which relay publishes them until when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

__all__ = ["LEASE_SECONDS", "NO_LEASE", "PARTITIONS", "RENEWAL_SECONDS", "Lease", "lane_of", "partition_of"]

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
        return partition in self.partitions and now < self.asked_at + LEASE_SECONDS

    def is_due(self, now: float, *, polling: bool) -> bool:
        """Whether to claim again: to renew, or, at each poll, to take what somebody else has left."""
        return now >= self.asked_at + RENEWAL_SECONDS or (polling and len(self.partitions) < PARTITIONS)


NO_LEASE: Final = Lease(frozenset(), float("-inf"))
