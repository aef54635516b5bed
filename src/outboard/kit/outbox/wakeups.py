"""Tells relays of this process that something was committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Wakeups"]


class Wakeups:
    """Those who want to know, each for as long as its scope lasts. A hint may be lost, or come twice."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[bool], None], ...] = ()

    @contextmanager
    def to(self, listener: Callable[[bool], None]) -> Iterator[None]:
        """Call `listener`, in the thread of whoever committed, at each hint while the scope lasts.

        It is told whether something among it waits for its time.
        """
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(item for item in self._listeners if item is not listener)

    def give(self, *, scheduled: bool = False) -> None:
        """Something is there to be published, or will be when it is time."""
        for listener in self._listeners:
            listener(scheduled)
