"""Telling that events were deleted before a group had them: at once, then once a minute at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from outboard.sidecar.components.sqlite.log.retention import LostEvents

__all__ = ["LossWarnings"]

PAUSE: Final = 60.0
TEXT: Final = (
    "%d events of topic '%s' were deleted before group '%s' had consumed them, as `retention` or "
    "`retentionBytes` says: they are lost to it. Start its consumer, or raise the limit."
)


class LossWarnings:
    """Gathers what was lost for each group and topic. `now` gives seconds that never go back."""

    def __init__(self, warn: Callable[[str, int, str, str], None], now: Callable[[], float]) -> None:
        self._warn = warn
        self._now = now
        self._untold: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, losses: Iterable[LostEvents]) -> None:
        """Warn of `losses`, those of the last minute together."""
        for lost in losses:
            where = (lost.group, lost.topic)
            self._untold[where] = self._untold.get(where, 0) + lost.events
        now = self._now()
        for where, events in list(self._untold.items()):
            if now - self._told.get(where, -PAUSE) >= PAUSE:
                group, topic = where
                self._warn(TEXT, events, topic, group)
                self._told[where] = now
                del self._untold[where]
