"""What a run asks of the sidecar of an app, whatever program it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from outboard.run.availability import AppAvailability
from outboard.run.output.events import Report
from outboard.run.plan.plan import AppPlan

__all__ = ["ServeSidecar", "SidecarStatus"]


@dataclass(frozen=True, slots=True)
class SidecarStatus:
    """How far a sidecar's start has come: its API answers; the app is found and gets its events."""

    listening: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class ServeSidecar(Protocol):
    """Runs the sidecar of one app."""

    async def __call__(
        self, app: AppPlan, availability: AppAvailability | None, status: SidecarStatus, report: Report
    ) -> None:
        """Serve until cancelled, then stop gracefully; at a second cancellation at once.

        `availability` is given for an app that may restart: its events wait for it. Raises OutboardError.
        """
        ...
