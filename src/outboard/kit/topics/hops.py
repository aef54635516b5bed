"""What is recorded of an event that an app publishes or stages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from outboard.hops.journal import Journal
from outboard.hops.record import FAILED, EventIdentity, HopKind
from outboard.kit.event_identity import identity_of, is_replayed
from outboard.wire.events import Event, EventCodec
from outboard.wire.sensitive import Masking

__all__ = ["PublishingHops"]

CANCELLED: Final = "whoever published it was cancelled before there was an answer"
LONGEST_DATA: Final = 16_384


@dataclass(frozen=True, slots=True)
class PublishingHops:
    """Records in `journal` each event, with its data where that is wanted: only here the model is known that
    says what is to be masked.
    """

    journal: Journal

    def published(self, event: Event[Any], codec: EventCodec[Any], pubsub: str, topic: str) -> None:
        """Record that the broker has `event`."""
        kind = HopKind.REPLAYED if is_replayed(event, topic) else HopKind.PUBLISHED
        self._record(kind, event, codec, pubsub, topic)

    def failed(
        self, error: BaseException, event: Event[Any], codec: EventCodec[Any], pubsub: str, topic: str
    ) -> None:
        """Record that `event` was not published, or that nobody knows."""
        if self.journal.recorder is not None:
            kind = HopKind.REPLAYED if is_replayed(event, topic) else HopKind.PUBLISHED
            why = CANCELLED if isinstance(error, asyncio.CancelledError) else str(error)
            self._record(kind, event, codec, pubsub, topic, FAILED, why)

    def staged(self, event: Event[Any], codec: EventCodec[Any], pubsub: str, topic: str) -> None:
        """Record that `event` is stored in a transaction of the app."""
        if self.journal.recorder is not None:
            self._record(HopKind.STAGED, event, codec, pubsub, topic)

    def unsent(self, ids: EventIdentity, pubsub: str, topic: str, why: str) -> None:
        """Record that a staged event is not published."""
        self.journal(HopKind.UNSENT, pubsub, topic, ids, detail=why)

    def _record(
        self, kind: HopKind, event: Event[Any], codec: EventCodec[Any], pubsub: str, topic: str,
        outcome: str = "", detail: str = "",
    ) -> None:  # fmt: skip
        wanted = self.journal.wants_data(event.id)
        data = _shortened(codec.masked(event.data, Masking())) if wanted else ""
        ids = identity_of(event)
        self.journal(kind, pubsub, topic, ids, outcome=outcome, detail=detail, data=data)


def _shortened(data: str) -> str:
    """The beginning of what is long."""
    return data if len(data) <= LONGEST_DATA else f"{data[:LONGEST_DATA]}… ({len(data):,} characters)"
