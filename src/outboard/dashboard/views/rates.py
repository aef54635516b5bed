"""How many events go from an app to a topic, and from a topic to an app: all, lately, and how many failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from outboard.hops.record import Hop, HopKind

__all__ = ["WINDOW", "Direction", "FlowCount", "FlowEdge", "RateCounters"]

WINDOW: Final = 10
"""Seconds over which a rate is taken."""
KEPT: Final = 120
"""Seconds of which the numbers are kept, at least."""


class Direction(StrEnum):
    """`GIVEN_UP`: put on a dead letter topic, by the kit of an app or by its sidecar."""

    PUBLISHED = "published"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


class FlowEdge(NamedTuple):
    """Between an app and a topic of a pub/sub component."""

    direction: Direction
    app_id: str
    pubsub: str
    topic: str


KINDS: Final[Mapping[HopKind, Direction]] = {
    HopKind.STORED: Direction.PUBLISHED,
    HopKind.ACCEPTED: Direction.PUBLISHED,
    HopKind.PUBLISHED: Direction.PUBLISHED,
    HopKind.RELAYED: Direction.PUBLISHED,
    HopKind.REPLAYED: Direction.PUBLISHED,
    HopKind.DELIVERED: Direction.DELIVERED,
    HopKind.HANDLED: Direction.DELIVERED,
    HopKind.DEAD_LETTERED: Direction.GIVEN_UP,
}


@dataclass(slots=True)
class _Seen:
    """What one of two, kit or sidecar, has told of an edge."""

    total: int = 0
    failed: int = 0
    by_second: dict[int, int] = field(default_factory=dict)

    def add(self, second: int, *, failed: bool) -> None:
        self.total += 1
        self.failed += failed
        self.by_second[second] = self.by_second.get(second, 0) + 1
        if len(self.by_second) > 2 * KEPT:
            for each in sorted(self.by_second)[:KEPT]:
                del self.by_second[each]

    def within(self, first: int, end: int) -> int:
        return sum(self.by_second.get(second, 0) for second in range(first, end))


class FlowCount(NamedTuple):
    """`total` since the record began, `failed` of them, and `rate` a second, lately."""

    edge: FlowEdge
    total: int
    failed: int
    rate: float


class RateCounters:
    """Kit and sidecar tell of the same events: the one that tells of more counts."""

    def __init__(self) -> None:
        self._seen: defaultdict[FlowEdge, dict[str, _Seen]] = defaultdict(dict)

    def add(self, hop: Hop) -> None:
        direction = KINDS.get(hop.kind)
        if direction is None:
            return
        edge = FlowEdge(direction, hop.app_id, hop.pubsub, hop.topic)
        seen = self._seen[edge].setdefault(hop.part, _Seen())
        seen.add(int(hop.at), failed=hop.outcome not in ("", "SUCCESS"))

    @property
    def edges(self) -> list[FlowEdge]:
        """Each edge that was ever used, in the order in which they were."""
        return list(self._seen)

    def counts(self, now: float) -> Iterator[FlowCount]:
        """Each edge, as it is `now`, in seconds since 1970."""
        end = int(now)  # the second that is not over would make every rate too low
        for edge, parts in self._seen.items():
            most = max(parts.values(), key=lambda seen: seen.total)
            recent = max(seen.within(end - WINDOW, end) for seen in parts.values())
            yield FlowCount(edge, most.total, most.failed, recent / WINDOW)
