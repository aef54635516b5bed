"""What the outbox's parts ask of each other: values, and the protocol of its database. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from typing_extensions import TypeIs

from outboard.kit.client.port import Publication
from outboard.kit.outbox.schedule import AT_ONCE, Schedule

__all__ = [
    "Cancelled",
    "Depth",
    "ExpiredEvent",
    "FetchRequest",
    "OutboxHealth",
    "OutboxStore",
    "OwnStaging",
    "ParkedEvent",
    "Postponed",
    "Refused",
    "Settlement",
    "Share",
    "Staging",
    "StoredEvent",
    "SupportsAdd",
    "SupportsRunSync",
    "Sweep",
    "stages_itself",
]

T = TypeVar("T")


class SupportsAdd(Protocol):
    """SQLAlchemy's `Session`, `AsyncSession`, or a scoped one of either."""

    def add(self, instance: object, /) -> None: ...


class SupportsRunSync(Protocol):
    """SQLAlchemy's `AsyncSession`."""

    async def run_sync(self, fn: Callable[..., T], /) -> T:
        """What `fn` returns, which is given the `Session` beneath."""
        ...


class Cancelled(NamedTuple):
    """An event that was taken out of the outbox before anybody took it to publish it."""

    event_id: str
    key: str | None


class Staging(Protocol):
    """Puts events into the transactions of others."""

    def stage(
        self,
        session: SupportsAdd,
        publication: Publication,
        event_id: str,
        now: datetime,
        *,
        hold: bool,
        schedule: Schedule = AT_ONCE,
        on_duplicate: Callable[[], object] | None = None,
    ) -> None:
        """Write `publication` in the transaction of `session`, when that is flushed or committed.

        Where it is refused, `hold` keeps the later events of its lane back. Where another event with its
        dedupe key waits, `on_duplicate` is called in place of that.
        """
        ...

    def cancel(self, session: SupportsAdd, pubsub: str, topic: str, dedupe_key: str) -> Sequence[Cancelled]:
        """Delete what waits with this key, in the transaction of a `session` that is a synchronous one."""
        ...


class OwnStaging(Protocol):
    """What takes events that are staged in it, without the outbox of a board: `stages_itself` tells it."""

    def take_staged(self, publication: Publication, event_id: str, schedule: Schedule) -> None:
        """Keep `publication`, to be published. Raises ValueError for a `schedule` that it cannot keep to."""
        ...


def stages_itself(session: object) -> TypeIs[OwnStaging]:
    """Whether `session` is one. To ask `isinstance` of a protocol takes a tenth of what staging does."""
    return callable(getattr(session, "take_staged", None))


class StoredEvent(NamedTuple):
    """A stored event that waits to be published.

    `sequence` is its place in the order of commits, within its lane. `lane` is what is kept in order.
    `expires_in` is how many seconds after the question it is not to be sent any more; None is never.
    `attempts` are those that were written down by then.
    """

    sequence: int
    lane: int
    partition: int
    event_id: str
    publication: Publication
    expires_in: float | None = None
    attempts: int = 0


class Postponed(NamedTuple):
    """An event to be tried again after `seconds`, by the database's clock; its lane waits for it."""

    sequence: int
    seconds: float
    error: str


class Refused(NamedTuple):
    """An event that would be refused each time. It is parked: kept, and not tried again unasked.

    Unless its `attempts` are others by now: then it was parked before, and somebody has had it tried again.
    """

    sequence: int
    error: str
    attempts: int = 0


@dataclass(slots=True)
class Settlement:
    """What became of events that were sent, to be written down in one transaction."""

    delivered: list[int] = field(default_factory=list)
    postponed: list[Postponed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.delivered) + len(self.postponed) + len(self.refused)

    @property
    def sequences(self) -> list[int]:
        """The sequences of all events in it."""
        put_off = [item.sequence for item in self.postponed]
        return [*self.delivered, *put_off, *(item.sequence for item in self.refused)]

    def before(self, later: Settlement) -> Settlement:
        """This one and a `later` one, together."""
        return Settlement(
            self.delivered + later.delivered, self.postponed + later.postponed, self.refused + later.refused
        )


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Which events a relay has room for: at most `limit`.

    Left out are those that it `held` already (sequences), and those of some `lanes` and some `pubsubs`. None
    for `partitions` is all that it has.
    """

    limit: int
    held: Collection[int] = ()
    lanes: Collection[int] = ()
    pubsubs: Collection[str] = ()
    partitions: frozenset[int] | None = None


class ExpiredEvent(NamedTuple):
    """An event that was not sent by its time, and is gone."""

    event_id: str
    pubsub: str
    topic: str
    key: str | None


class Share(NamedTuple):
    """`size`: so many partitions may a relay have; `free`: so many are nobody's, whoever may have them."""

    size: int
    free: int


class Sweep(NamedTuple):
    """What time has changed: how many events are `due` now that were not before, and which have `expired`.

    `next_in` is in how many seconds there is something to be done again; None where nothing waits for a time.
    """

    due: int = 0
    expired: Sequence[ExpiredEvent] = ()
    next_in: float | None = None


class ParkedEvent(NamedTuple):
    """An event that the sidecar refused. `body` is the CloudEvent, in its structured form.

    `attempts` are those that had an answer: an outage counts none.
    """

    sequence: int
    event_id: str
    pubsub: str
    topic: str
    key: str | None
    staged_at: datetime
    parked_at: datetime
    attempts: int
    error: str
    body: bytes


class Depth(NamedTuple):
    """How many events are stored: `waiting` to be published, `parked`, and `delayed`, which are not due yet.

    `oldest_age` is how many seconds the first of those that wait has; 0 where none waits. A delayed one waits
    from when it is due.
    """

    waiting: int
    parked: int
    oldest_age: float
    delayed: int = 0


@dataclass(frozen=True, slots=True)
class OutboxHealth:
    """Whether an outbox is as it should be; `reason` is a sentence where it is not.

    The numbers are those of `Depth`; None where the database could not be asked.
    """

    ok: bool
    reason: str = ""
    waiting: int | None = None
    parked: int | None = None
    oldest_age: float | None = None
    delayed: int | None = None


class OutboxStore(Protocol):
    """The outbox's tables. Every method is one transaction, and raises OutboxUnavailable.

    Times are by the database's clock, so that those of several machines need not agree.
    """

    async def prepare(self) -> None:
        """See to it that there is a lease for each partition, and that the database is a durable one.

        Raises NotDurable.
        """
        ...

    async def claim(self, token: str, seconds: float) -> frozenset[int]:
        """Renew the partitions of `token` for `seconds`, and take free ones up to its share; all that it has.

        One is free whose lease is over, or longer than `seconds` (the clock went back), or of a relay whose
        process is gone. From then on, and as long, the others reckon with `token`.
        """
        ...

    async def share(self, token: str, seconds: float) -> Share:
        """How many partitions `token` may have beside the other relays. Nothing is written."""
        ...

    async def release(self, token: str, partitions: Collection[int] | None = None) -> None:
        """Give back these partitions of `token`; or all, and nobody reckons with it any more."""
        ...

    async def fetch(self, token: str, wanted: FetchRequest) -> Sequence[StoredEvent]:
        """What may be published now of the partitions of `token`, in order of sequence.

        No event is among them that has an earlier one of its lane which was put off, or which holds it.
        """
        ...

    async def sweep(self, token: str, wanted: FetchRequest) -> Sweep:
        """Delete what has expired of the partitions of `token`; let what is due take its place in its lane.

        What `wanted` leaves out is left as it is: what is held, and what is due of some pub/subs. From then
        on an event has no dedupe key, so that another one is stored beside it.
        """
        ...

    async def settle(self, token: str, settlement: Settlement) -> None:
        """Delete or archive what was delivered; put off and park the rest, as far as `token` has it still."""
        ...

    async def parked(self, limit: int) -> Sequence[ParkedEvent]:
        """Those that are parked, in order of sequence."""
        ...

    async def retry(self, sequences: Sequence[int]) -> int:
        """Let parked events be tried again; how many there were."""
        ...

    async def revise(self, sequence: int, topic: str, body: bytes) -> bool:
        """Change a parked event, and let it be tried again; whether there was one."""
        ...

    async def drop(self, sequences: Sequence[int]) -> int:
        """Delete parked events; how many there were."""
        ...

    async def waiting(self) -> int:
        """How many events there are that are not parked, those included that are not due yet."""
        ...

    async def depth(self) -> Depth:
        """How much there is, and since when."""
        ...

    async def clear_archive(self, seconds: float) -> int:
        """Delete what was published so long ago from an archive; how many, 1,000 at most."""
        ...

    async def held_lanes(self) -> int:
        """How many lanes have an event that was put off, or holds them."""
        ...

    async def leases(self) -> Mapping[str, int]:
        """How many partitions each live relay has, by its token."""
        ...
