"""How a handler takes what arrived in one request: a port, for events one by one and for batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import Settled

__all__ = ["Handling"]


class Handling(Protocol):
    """Lets a handler take what arrived in one request. Raises nothing: an error of the handler is RETRY."""

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """Take an event that was delivered alone."""
        ...

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """Take a bulk delivery, and return what to tell of each of its events."""
        ...
