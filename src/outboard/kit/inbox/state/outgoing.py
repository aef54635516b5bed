"""Publishes what lies in records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from outboard.errors import SidecarError
from outboard.hops.journal import Journal
from outboard.hops.record import FAILED, EventIdentity, HopKind
from outboard.kit.client.port import Publication
from outboard.kit.inbox.state.record import OutgoingEvent
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["OutgoingPublisher"]


@dataclass(frozen=True, slots=True)
class OutgoingPublisher:
    """Through `relay`, each within `timeout` seconds; what became of it is recorded in `journal`."""

    relay: Callable[[Publication, float], Awaitable[object]]
    timeout: float
    journal: Journal

    async def publish(self, events: Sequence[OutgoingEvent]) -> None:
        """In their order, each when the broker has the one before. Raises what the first failure is."""
        for event in events:
            try:
                await self.relay(event.publication, self.timeout)
            except SidecarError as error:
                self._record(event, FAILED, str(error))
                raise
            self._record(event)

    def _record(self, event: OutgoingEvent, outcome: str = "", detail: str = "") -> None:
        if self.journal.recorder is not None:
            identity = EventIdentity(event.id, key=event.metadata.get(PARTITION_KEY, ""))
            target = event.pubsub, event.topic
            self.journal(HopKind.RELAYED, *target, identity, outcome=outcome, detail=detail)
