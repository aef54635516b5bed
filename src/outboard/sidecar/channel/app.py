"""The port to the app: how it is reached, and what a sidecar asks of it, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.channel.batch import Batch
from outboard.sidecar.channel.health import AppHealth, AppHealthOptions
from outboard.sidecar.events.received import Incoming
from outboard.wire.subscriptions import Subscription

__all__ = [
    "UNHEALTHY",
    "AppChannel",
    "AppConnection",
    "Discovered",
    "EventChannel",
    "NotAnswered",
]

UNHEALTHY: Final = "app is not in a healthy state"
"""Why nothing is delivered to an app that is not well."""


@dataclass(frozen=True, slots=True)
class AppConnection:
    """`port` 0 means that there is no app, `max_concurrency` 0 that calls are unlimited, `health` None that
    the app is not asked whether it is well.
    """

    port: int = 0
    protocol: str = "http"
    address: str = "127.0.0.1"
    max_concurrency: int = 0
    health: AppHealthOptions | None = None


@dataclass(frozen=True, slots=True)
class Discovered:
    """What the app subscribes to by itself.

    `without_route` are those that no event could be given to. Where it answers that it knows no subscriptions
    `missing` says so; `problem` says why its answer tells of none otherwise.
    """

    subscriptions: Sequence[Subscription] = ()
    without_route: Sequence[Subscription] = ()
    missing: str = ""
    problem: str = ""


class NotAnswered(Exception):
    """The app did not answer; the text says why.

    With `starts_nothing` no subscription of it is started then, those declared in files neither.
    """

    def __init__(self, reason: str, *, starts_nothing: bool = False) -> None:
        super().__init__(reason)
        self.starts_nothing = starts_nothing


class EventChannel(Protocol):
    """The way of events to whoever handles them."""

    async def deliver(self, incoming: Incoming, metadata: Mapping[str, str]) -> Answer:
        """Give one event to its handler. What keeps it from being answered is RETRY."""
        ...

    async def deliver_bulk(self, batch: Batch) -> Mapping[str, Answer]:
        """Give a batch to its handler: the answer for each entry id."""
        ...


class AppChannel(EventChannel, Protocol):
    """The way to one app."""

    health: AppHealth
    """While the app is not well nothing is delivered: what would be is answered with RETRY."""
    subscriptions_at: str
    """Where it tells what it subscribes to, as its author knows it."""

    async def discover(self) -> Discovered:
        """Ask what the app subscribes to. Raises NotAnswered, and SubscribeInvalid."""
        ...

    async def load_configuration(self) -> bool:
        """Ask for the app's configuration: whether it has one. Raises NotAnswered."""
        ...

    async def probe(self, path: str, timeout: float) -> str:
        """Ask whether the app is well, for `timeout` seconds at most. Empty if it is, else why not."""
        ...
