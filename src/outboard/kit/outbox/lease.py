"""For which partitions a relay is responsible, and until when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from outboard.kit.outbox.lane import PARTITIONS

__all__ = ["LEASE_SECONDS", "NO_LEASE", "RENEWAL_SECONDS", "Lease"]

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
