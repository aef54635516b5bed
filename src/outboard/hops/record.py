"""One hop of one event, and the port that takes it. Pure.

A hop names its event by ids that were read where they were known anyway, so that nothing has to parse a
payload to tell what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from outboard.wire.cloudevents import PARTITION_KEY_ATTRIBUTE

__all__ = ["FAILED", "UNKNOWN_EVENT", "EventIdentity", "Hop", "HopKind", "Recorder", "is_unwell"]

TEXT: Final = {str}
FAILED: Final = "FAILED"
"""The outcome of a hop that was tried and did not happen."""


class HopKind(StrEnum):
    STAGED = "staged"
    """The app stored the event in its outbox, in a transaction that may still be rolled back."""
    RELAYED = "relayed"
    """The app's outbox published the event."""
    PARKED = "parked"
    """The app's outbox set the event aside: its sidecar refused it."""
    UNSENT = "unsent"
    """The app's outbox let the event go without publishing it; `detail` says why."""
    PUBLISHED = "published"
    """The app published the event, and its sidecar said that the broker has it; or FAILED."""
    REPLAYED = "replayed"
    """The app published a dead letter again, to the topic that it came from."""
    ACCEPTED = "accepted"
    """A sidecar took the event from its app, but the broker did not get it: FAILED."""
    STORED = "stored"
    """A sidecar took the event from its app, and the broker has it, where `partition` and `offset` say."""
    DELIVERED = "delivered"
    """An app was given the event and answered, or did not: `outcome` is SUCCESS, RETRY or DROP."""
    HANDLED = "handled"
    """A handler of the kit was given the event: `outcome` is its answer, `duration` how long it took."""
    RETRIED = "retried"
    """The sidecar waits to deliver the event again."""
    DEAD_LETTERED = "dead-lettered"
    """The event was put on its dead letter topic; `detail` says why."""
    DROPPED = "dropped"
    """The event was acknowledged without having been handled; `detail` says why."""
    LOST = "lost"
    """The handler failed and the broker does not redeliver."""


class EventIdentity(NamedTuple):
    """The ids of one event, each empty where it has none. `traceparent` is W3C's, `key` the ordering key."""

    event_id: str = ""
    source: str = ""
    key: str = ""
    traceparent: str = ""
    correlation_id: str = ""
    causation_id: str = ""

    @classmethod
    def of(cls, members: Mapping[str, object], key: str = "") -> EventIdentity:
        """From the attributes of a CloudEvent; `key` is that of its metadata, where the event has none."""
        get = members.get
        found = (
            get("id", ""), get("source", ""), get(PARTITION_KEY_ATTRIBUTE) or key, get("traceparent", ""),
            get("correlationid", ""), get("causationid", ""),
        )  # fmt: skip
        if set(map(type, found)) == TEXT:
            return cls._make(found)
        return cls(*("" if each is None else str(each) for each in found))


UNKNOWN_EVENT: Final = EventIdentity()


class Hop(NamedTuple):
    """One step of an event. `at` is in seconds since 1970 by the clock of whoever recorded it.

    `attempt` counts deliveries from 1; `duration` is in seconds, None where none was measured. `partition`
    and `offset` are the broker's, empty where it told none. `payload` is the envelope as it lay on the
    broker, where a recorder wants envelopes; `data` is that of the event as JSON, with what is sensitive
    masked. `part` is who recorded it: `kit` or `sidecar`; `instance` is which process.
    """

    kind: HopKind
    at: float
    app_id: str
    pubsub: str
    topic: str
    event: EventIdentity
    attempt: int = 0
    outcome: str = ""
    detail: str = ""
    duration: float | None = None
    partition: str = ""
    offset: str = ""
    payload: bytes = b""
    data: str = ""
    part: str = ""
    instance: str = ""


WELL: Final = frozenset(
    {
        HopKind.STAGED, HopKind.RELAYED, HopKind.PUBLISHED, HopKind.REPLAYED, HopKind.STORED,
        HopKind.DELIVERED, HopKind.HANDLED,
    }
)  # fmt: skip
"""Kinds of hops of an event that goes well, where their outcome says nothing else."""
WELL_OUTCOMES: Final = frozenset({"", "SUCCESS"})


def is_unwell(hop: Hop) -> bool:
    """Whether the event was refused, answered RETRY, dropped, dead-lettered, lost and so on."""
    return hop.kind not in WELL or hop.outcome not in WELL_OUTCOMES


class Recorder(Protocol):
    """Takes hops. It must return at once and must not raise."""

    @property
    def wants_envelopes(self) -> bool:
        """Whether each hop is to carry the envelope as its `payload`."""
        ...

    @property
    def records_all(self) -> bool:
        """Whether each event is recorded, as there are not too many."""
        ...

    @property
    def may_wait(self) -> bool:
        """Whether there are so many events that nobody is to wait for the record of those that went well."""
        ...

    def chosen(
        self, kind: HopKind, pubsub: str, topic: str, event_ids: Sequence[str], attempt: int = 0,
        outcome: str = "",
    ) -> Sequence[int]:  # fmt: skip
        """Ask this first of hops that say that all is well: the positions of those that are to be recorded.

        Where there are too many events, not those of each. Of the others, what is said here is enough: they
        are recorded after all if their event fails soon.
        """
        ...

    def wants_data(self, event_id: str) -> bool:
        """Whether a hop of this event is to carry its `data`, if whoever makes it knows what to mask."""
        ...

    def __call__(self, hop: Hop) -> None: ...
