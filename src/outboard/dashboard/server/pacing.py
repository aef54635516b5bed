"""Fragments that cost more than a look at what is in memory, made only now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from outboard.clock import Clock

__all__ = ["Paced"]

PACE: Final = 1.0


class Paced:
    """What `render` gives, asked anew after `pace` seconds: hops come more often than that."""

    def __init__(self, render: Callable[[], Awaitable[str]], clock: Clock, pace: float = PACE) -> None:
        self._render = render
        self._clock = clock
        self._pace = pace
        self._at = float("-inf")
        self._last = ""

    async def __call__(self) -> str:
        """The last one, or a new one."""
        if self._clock.monotonic() - self._at >= self._pace * 0.9:
            self._last = await self._render()
            self._at = self._clock.monotonic()
        return self._last
