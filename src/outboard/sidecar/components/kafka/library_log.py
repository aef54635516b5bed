"""What the client library logs, in the component's log: each problem once in a while, not at each try."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["LibraryLog"]

logger = logging.getLogger(__name__)

LIBRARY: Final = "aiokafka"
REQUESTS: Final = "aiokafka.conn"
AGAIN_AFTER: Final = 10.0  # seconds

_SPEAKING: ContextVar[LibraryLog | None] = ContextVar("_SPEAKING", default=None)


class LibraryLog(logging.Handler):
    """The warnings and errors of one component's clients. `last` is the text of the latest.

    Tasks that begin within `listening`, and what they begin, speak for this component.
    """

    def __init__(self, component: str, monotonic: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._component = component
        self._monotonic = monotonic
        self._said: dict[str, float] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        token = _SPEAKING.set(self)
        try:
            yield
        finally:
            _SPEAKING.reset(token)

    def attach(self) -> None:
        logging.getLogger(LIBRARY).addHandler(self)
        logging.getLogger(REQUESTS).addFilter(self._without_requests)

    def detach(self) -> None:
        logging.getLogger(LIBRARY).removeHandler(self)
        logging.getLogger(REQUESTS).removeFilter(self._without_requests)

    def _without_requests(self, record: logging.LogRecord) -> bool:
        """At DEBUG the library logs whole requests, and with them the password."""
        return record.levelno > logging.DEBUG

    def emit(self, record: logging.LogRecord) -> None:
        if _SPEAKING.get() is not self:
            return
        self.last = text = record.getMessage()
        now = self._monotonic()
        if now - self._said.get(text, -AGAIN_AFTER) >= AGAIN_AFTER:
            self._said = {each: at for each, at in self._said.items() if now - at < AGAIN_AFTER} | {text: now}
            logger.warning("kafka client of '%s': %s", self._component, text)
