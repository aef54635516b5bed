"""What several readers ask for at once, looked up for all of them, and kept for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from outboard.clock import Clock

__all__ = ["Recent"]

T = TypeVar("T")


class Recent(Generic[T]):
    """What `look` has found, at most `seconds` ago."""

    def __init__(self, clock: Clock, seconds: float, look: Callable[[], Awaitable[T]]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._look = look
        self._looking: asyncio.Future[T] | None = None
        self._at = float("-inf")

    async def get(self) -> T:
        """Look, unless somebody does, or has just done so. Raises what the look raises.

        Whoever asked may go away meanwhile: the look goes on for the others.
        """
        looking = self._looking
        if looking is None or (looking.done() and self._is_over(looking)):
            self._looking = looking = asyncio.ensure_future(self._looked())
        return await asyncio.shield(looking)

    def forget(self) -> None:
        """Look anew next time."""
        self._at = float("-inf")

    async def _looked(self) -> T:
        found = await self._look()
        self._at = self._clock.monotonic()
        return found

    def _is_over(self, looking: asyncio.Future[T]) -> bool:
        failed = looking.cancelled() or looking.exception() is not None
        return failed or self._clock.monotonic() - self._at >= self._seconds
