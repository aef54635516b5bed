"""What a relay says of the events that it has published: a line for those of a topic that ended together."""

from __future__ import annotations

import logging
from typing import Final

from outboard.kit.outbox.port import StoredEvent

__all__ = ["PublishedLog"]

log: Final = logging.getLogger("outboard.outbox")

NAMED: Final = 5
"""So many ids stand in a line, however many events it counts."""


class PublishedLog:
    """Notes what the broker has taken, and tells it at level INFO; where nobody listens, it notes nothing."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {}

    def note(self, event: StoredEvent) -> None:
        """The broker has `event`."""
        if log.isEnabledFor(logging.INFO):
            self._ids.setdefault(event.publication.topic, []).append(event.event_id)

    def tell(self) -> None:
        """Log what was noted, and forget it."""
        if not self._ids:
            return
        noted, self._ids = self._ids, {}
        for topic, ids in noted.items():
            count = "1 staged event" if len(ids) == 1 else f"{len(ids)} staged events"
            named = ", ".join(ids[:NAMED]) + (", ..." if len(ids) > NAMED else "")
            log.info("Published to %s: %s (%s)", topic, count, named)
