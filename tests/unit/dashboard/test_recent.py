"""One look for all who ask at once."""

from __future__ import annotations

import asyncio

import pytest

from outboard.clock import SystemClock
from outboard.dashboard.recent import Recent

pytestmark = pytest.mark.anyio


class Looks(SystemClock):
    """Counts its looks, by a time that stands still until it is moved; fails where `failing`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.number = 0
        self.failing = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    def monotonic(self) -> float:
        return self.seconds

    async def look(self) -> int:
        await self.may_end.wait()
        if self.failing:
            raise OSError("gone")
        self.number += 1
        return self.number


async def test_what_was_just_seen_counts_for_a_moment() -> None:
    looks = Looks()
    recent = Recent(looks, 1.0, looks.look)
    assert [await recent.get(), await recent.get()] == [1, 1]
    looks.seconds = 1.0
    assert await recent.get() == 2
    recent.forget()
    assert await recent.get() == 3


async def test_all_who_ask_meanwhile_get_the_same_look_also_when_one_goes_away() -> None:
    looks = Looks()
    looks.may_end.clear()
    recent = Recent(looks, 1.0, looks.look)
    first, second = asyncio.ensure_future(recent.get()), asyncio.ensure_future(recent.get())
    await asyncio.sleep(0)
    first.cancel()
    looks.may_end.set()
    assert await second == 1
    assert looks.number == 1


async def test_a_look_that_failed_is_made_again() -> None:
    looks = Looks()
    recent = Recent(looks, 1.0, looks.look)
    looks.failing = True
    with pytest.raises(OSError, match="gone"):
        await recent.get()
    looks.failing = False
    assert await recent.get() == 1
