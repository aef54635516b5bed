"""Deliveries that wait until a test lets each of them go on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from outboard.testing.delivered import delivered_in
from outboard.testing.traffic import GoOn, Passing, Traffic
from outboard.wire.http import ExchangeFailed, Response

__all__ = ["HeldDeliveries"]


@dataclass(slots=True)
class _Held:
    go: asyncio.Future[None]
    answer_is_lost: bool = False


class HeldDeliveries:
    """A `Fault`: deliveries wait, in the order in which they came, until released or `over`."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._waiting: list[_Held] = []
        self.over = False

    def __len__(self) -> int:
        return len(self._waiting)

    def release(self, number: int, *, answer_is_lost: bool = False) -> None:
        """Let the delivery with this number, from 0, go on; with `answer_is_lost` the app dies behind it."""
        held = self._waiting.pop(number)
        held.answer_is_lost = answer_is_lost
        if not held.go.done():
            held.go.set_result(None)

    def release_all(self) -> None:
        """Let all go on, and those that come from now on."""
        self.over = True
        while self._waiting:
            self.release(0)

    async def __call__(self, passing: Passing, go_on: GoOn) -> Response:
        """As `Fault`."""
        if self.over or passing.to != "app" or delivered_in(passing.request) is None:
            return await go_on(passing)
        held = _Held(asyncio.get_running_loop().create_future())
        self._waiting.append(held)
        self._traffic.held += 1
        try:
            await held.go
        finally:
            self._traffic.held -= 1
        answer = await go_on(passing)
        if held.answer_is_lost:
            raise ExchangeFailed("the app died before its answer, by a fault of the test")
        return answer
