"""The canaries that have come to this process: they are answered here, before any handler."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from outboard.wire.canary import canary_id

__all__ = ["Canaries"]

log: Final = logging.getLogger("outboard.subscriptions")

KEPT: Final = 100


class Canaries:
    """Remembers the last of them, and where each came to."""

    def __init__(self) -> None:
        self._come: deque[dict[str, str]] = deque(maxlen=KEPT)

    @property
    def come(self) -> list[dict[str, str]]:
        """Each with its `id` and the `path` that it came to."""
        return list(self._come)

    def takes(self, event: bytes, path: str) -> bool:
        """Whether `event`, which came to `path`, is a canary: then it is settled with that."""
        id = canary_id(event)
        if id is None:
            return False
        self._come.append({"id": id, "path": path})
        log.info("canary %s came to %s", id, path)
        return True
