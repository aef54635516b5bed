"""What a run leaves behind, as values: read from databases, from the broker itself, and from logs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

__all__ = ["Applied", "Committed", "Evidence", "Growth", "OnBroker", "Stopped"]


@dataclass(frozen=True, slots=True)
class Committed:
    """A row of the business's own table, committed with its event. `place` is the order of commits."""

    event_id: str
    key: str
    amount: int
    poison: bool
    payload: str
    place: int


@dataclass(frozen=True, slots=True)
class OnBroker:
    """A record as it lies on the broker. `payload` is the hash of its data; `replay` as its `replayid`."""

    event_id: str
    key: str
    payload: str
    partition: int
    offset: int
    replay: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """A row that a handler has written. `place` is the order of commits."""

    event_id: str
    key: str
    amount: int
    payload: str
    place: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A program that was asked to stop (SIGTERM), and the seconds that it took to end."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Growth:
    """What one process grew by, from its warm beginning to its end, `seconds` later."""

    name: str
    seconds: float
    bytes: int
    descriptors: int


@dataclass(frozen=True)
class Evidence:
    """Of one run. `attempted` are the ids that were staged, whatever became of their transactions.

    `applied` is what was before dead letters were replayed, `replayed` what came with that. `balances` are
    the sums that the handlers have kept, a key. `in_flight` is what the faults may have doubled: of each, the
    relays that it met times what a relay has unsettled. `rolled` are the ids that were committed while
    programs were asked to stop, one after the other. `growths` are of long-lived processes of Outboard.
    """

    committed: Sequence[Committed]
    attempted: AbstractSet[str]
    orders: Sequence[OnBroker]
    dead: Sequence[OnBroker]
    letters: Sequence[str]
    applied: Sequence[Applied]
    replayed: Sequence[Applied]
    balances: Mapping[str, int]
    waiting: int
    parked: int
    orphan_leases: int
    drained_after: float | None
    drain_bound: float
    faults: int
    in_flight: int
    rolled: AbstractSet[str]
    stopped: Sequence[Stopped]
    stop_bound: float
    growths: Sequence[Growth]
    leaks: Sequence[str]
    logs: int
    notes: Sequence[str] = field(default=())
