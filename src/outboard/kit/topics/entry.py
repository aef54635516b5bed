"""One event on its way to the sidecar, and the bounds of those who wait."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass
from typing import Final

from outboard.kit.client.port import Publication
from outboard.wire.dapr import PARTITION_KEY, RAW_PAYLOAD

__all__ = ["Entry", "Limits"]

ENTRY_OVERHEAD: Final = 256
PAIR_OVERHEAD: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How much leaves at once, and how much may wait. Bytes are those of requests, JSON around it included.

    At most `requests` are in flight. A batch of several events keeps to `batch_bytes`; a single event may be
    larger, and so may be what waits, by the last one that was let in.
    """

    requests: int = 2
    batch_events: int = 256
    batch_bytes: int = 2**20
    waiting_events: int = 1024
    waiting_bytes: int = 2**23


class Entry:
    """One event on its way. Its publisher waits for `future`: whoever settles it looks whether it is done.

    `started` and `deadline` are by the monotonic clock, in seconds; `failure` is why an attempt came to
    nothing. `alone` is one whose metadata Dapr reads from a request only, never from an entry.
    """

    __slots__ = (
        "alone",
        "deadline",
        "failure",
        "future",
        "key",
        "publication",
        "sent",
        "size",
        "started",
        "waits",
    )

    publication: Publication

    def __init__(self, started: float, timeout: float, future: Future[None]) -> None:
        self.started = started
        self.deadline = started + timeout
        self.future = future
        self.failure = ""
        self.sent = False
        self.waits = False

    def load(self, publication: Publication) -> None:
        """Take what is to be sent."""
        metadata = publication.metadata
        self.publication = publication
        self.size = len(publication.body) + ENTRY_OVERHEAD
        self.key: str | None = None
        self.alone = False
        if metadata:
            self.key = metadata.get(PARTITION_KEY)
            self.alone = RAW_PAYLOAD in metadata
            for name, value in metadata.items():
                self.size += PAIR_OVERHEAD + 2 * (len(name) + len(value))
