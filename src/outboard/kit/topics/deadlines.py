"""One timer for all who wait, however many they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from outboard.clock import Clock

__all__ = ["CallLater", "Deadlines", "Timer"]


class Timer(Protocol):
    def cancel(self) -> None: ...


CallLater: TypeAlias = Callable[[float, Callable[[], None]], Timer]
"""Call a function after so many seconds, as `loop.call_later` does."""


class Deadlines:
    """Calls `expire(now)` at the earliest deadline; what it returns is the next one, None where nobody waits.

    Deadlines that were met are not told to it: it finds out when it asks. So an event costs a comparison.
    """

    def __init__(self, clock: Clock, call_later: CallLater, expire: Callable[[float], float | None]) -> None:
        self._clock = clock
        self._call_later = call_later
        self._expire = expire
        self._timer: Timer | None = None
        self._at = 0.0

    def watch(self, deadline: float) -> None:
        """See to it that `expire` is called at `deadline` or before."""
        if self._timer is not None:
            if deadline >= self._at:
                return
            self._timer.cancel()
        self._at = deadline
        self._timer = self._call_later(max(deadline - self._clock.monotonic(), 0.0), self._ring)

    def stop(self) -> None:
        """Call nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        following = self._expire(self._clock.monotonic())
        if following is not None:
            self.watch(following)
