"""What a run asks of the sidecar of an app, whatever program it is."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from outboard.resources.changes import ResourceChange
from outboard.resources.loader import Resources
from outboard.run.availability import AppAvailability
from outboard.run.output.events import Report, Topology
from outboard.run.plan.plan import AppPlan

__all__ = ["Published", "ServeSidecar", "SidecarStatus", "TakeResources"]


@dataclass(slots=True)
class SidecarStatus:
    """How far a sidecar's start has come: its API answers; the app is found and gets its events.

    `topology` has a value once it is known what the app takes, which may be after that. By `take` it takes
    other resources as it runs; None where it can only begin anew.
    """

    listening: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    topology: asyncio.Future[Topology] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    published: asyncio.Queue[Published] = field(default_factory=asyncio.Queue)
    """The first event of an app to each topic; one queue for all apps of a run."""
    take: TakeResources | None = None

    def tell(self, topology: Topology) -> None:
        """From now on the app takes what `topology` says."""
        if self.topology.done():
            self.topology = asyncio.get_running_loop().create_future()
        self.topology.set_result(topology)


class Published(NamedTuple):
    """An app has published to a topic. `local`: nobody outside this run could take it."""

    app: str
    pubsub: str
    topic: str
    local: bool


class TakeResources(Protocol):
    """Lets a sidecar that runs take other resources."""

    async def __call__(
        self, resources: Resources, secret_stores: Collection[str]
    ) -> Sequence[ResourceChange] | None:
        """From now on `resources` count, and `secret_stores` hold something else: what changed by that.

        None where the sidecar is not up. Raises OutboardError: then everything is as it was.
        """
        ...


class ServeSidecar(Protocol):
    """Runs the sidecar of one app."""

    async def __call__(
        self, app: AppPlan, availability: AppAvailability | None, status: SidecarStatus, report: Report
    ) -> None:
        """Serve until cancelled, then stop gracefully; at a second cancellation at once.

        `availability` is given for an app that may restart: its events wait for it. Raises OutboardError.
        """
        ...
