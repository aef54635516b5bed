"""How a topic stands in a consumer group, as whoever looks from outside sees it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["BrokerStanding", "GroupMember", "PartitionStanding", "TopicStanding", "WaitingEvent"]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of the group: `client` is what it calls itself, `host` where it is, as far as that is told."""

    id: str
    client: str = ""
    host: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """The event that a group is to handle next. `id` is empty where it is no CloudEvent; `is_event` says
    whether it is one, `wraps` whether its data is one again. `published` is None where that is not told.
    """

    offset: int
    id: str = ""
    published: datetime | None = None
    is_event: bool = True
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class PartitionStanding:
    """Offsets are those of what is to be read next. `committed` is None where the group has none.

    `lag` is how many events wait, where it can be told. `owner` is the id of a member, empty for nobody.
    `attempts` says how often the next event has failed, and `reason` why the last time, where that is told.
    """

    number: int
    begin: int = 0
    end: int = 0
    committed: int | None = None
    owner: str = ""
    lag: int = 0
    waiting: WaitingEvent | None = None
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TopicStanding:
    """One topic, in one group. `exists` is False where the broker does not have it."""

    topic: str
    exists: bool = True
    partitions: tuple[PartitionStanding, ...] = ()
    members: tuple[GroupMember, ...] = ()
    events: int = 0
    """Those that lie there, handled or not."""
    last_reason: str = ""
    """Of a dead letter topic: why its latest event is there."""
    rebalancing: bool = False
    """Whether the group is sharing its partitions out anew, where that is told."""
    latest: WaitingEvent | None = None
    """The last that lies there, where it was looked at."""

    @property
    def lag(self) -> int:
        return sum(partition.lag for partition in self.partitions)


@dataclass(frozen=True, slots=True)
class BrokerStanding:
    """What one look at a broker shows of `group`. `other_topics` are those that have events, and were not
    asked for. `initial_newest`: a group without a committed offset begins behind what is there.
    """

    group: str
    address: str
    topics: tuple[TopicStanding, ...]
    other_topics: tuple[str, ...] = ()
    initial_newest: bool = False
