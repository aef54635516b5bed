"""Handling that lets pass what is replayed for another app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import Settled, passed_by

__all__ = ["AddressedHandling"]


@dataclass(frozen=True, slots=True)
class AddressedHandling:
    """A `Handling` that lets another one take what is for everybody, or for `app_id`."""

    handling: Handling
    app_id: str

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """As `Handling`."""
        return self._passed(received) or await self.handling.one(received, runner)

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """As `Handling`."""
        told = [self._passed(received) for received in received_events]
        ours = [received for received, passed in zip(received_events, told, strict=True) if not passed]
        settled = iter(await self.handling.many(ours, runner) if ours else ())
        return [passed or next(settled) for passed in told]

    def _passed(self, received: ReceivedEvent) -> Settled | None:
        app_id = received.addressee()
        return passed_by(app_id) if app_id not in ("", self.app_id) else None
