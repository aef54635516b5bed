"""One hop of one event, and the port that takes it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

__all__ = ["Hop", "HopKind", "Recorder"]


class HopKind(StrEnum):
    PUBLISHED = "published"
    """The broker took the event from an app."""
    DELIVERED = "delivered"
    """An app was given the event and answered, or did not: `outcome` is SUCCESS, RETRY or DROP."""
    DEAD_LETTERED = "dead-lettered"
    """The sidecar put the event on its dead letter topic."""
    DROPPED = "dropped"
    """The event was acknowledged without having been handled; `detail` says why."""
    LOST = "lost"
    """The handler failed and the broker does not redeliver."""


class Hop(NamedTuple):
    """`payload` is the envelope as it lay on the broker. `attempt` counts deliveries from 1."""

    kind: HopKind
    at: datetime
    app_id: str
    pubsub: str
    topic: str
    payload: bytes
    attempt: int = 0
    outcome: str = ""
    detail: str = ""


class Recorder(Protocol):
    """Takes hops. It must return at once and must not raise."""

    def __call__(self, hop: Hop) -> None: ...
