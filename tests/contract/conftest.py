from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest


class StillClock:
    """Moves only when it is told to."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()
