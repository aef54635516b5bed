"""Telling of the events that are lost in memory while their app is away."""

from __future__ import annotations

import logging

__all__ = ["BacklogWarnings"]

logger = logging.getLogger(__name__)


class BacklogWarnings:
    """Warns once for each absence of one app, or group, from one topic."""

    def __init__(self, app_id: str, topic: str) -> None:
        self._app_id = app_id
        self._topic = topic
        self._told = False

    def end(self) -> None:
        """The app is back: the next absence is another one."""
        self._told = False

    def tell(self, keep: int) -> None:
        """An event was pushed out, since no more than `keep` are kept."""
        if self._told:
            return
        self._told = True
        logger.warning(
            "app '%s' is away, and more than %d events wait for it on in-memory topic '%s': "
            "the oldest are lost. A higher `backlog` of the component keeps more.",
            self._app_id,
            keep,
            self._topic,
        )
