"""Duplicates, redelivery and reordering under tests that know nothing of them, as a seed decides."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Final, NamedTuple

from outboard.testing.delivered import Delivered, delivered_in, status_of
from outboard.testing.in_flight import handler_place
from outboard.testing.traffic import GoOn, Passing
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import Response

__all__ = ["Chaos", "ChaosStep"]

TURNS: Final = 30
"""Of the event loop, that a delivery waits at most: those of other keys go on meanwhile."""
AT_ONCE: Final = 0.6
"""How often an event comes again at once, and not when others have come."""
SHOWN: Final = 200


class ChaosStep(NamedTuple):
    """What was done to the `number`-th delivery to a handler, from 1; `event` is what was delivered."""

    handler: str
    number: int
    kind: str
    event: str


class Chaos:
    """A `Fault`: what is delivered comes later, and, once it was handled, again. `seed` decides how.

    With `only`, it is done to those deliveries alone: to the handlers, or to the numbered deliveries of one,
    that are named. `steps` is what was done.
    """

    def __init__(
        self, seed: int, only: frozenset[str] | None = None, numbers: frozenset[int] | None = None
    ) -> None:
        self.seed = seed
        self.steps: list[ChaosStep] = []
        self._only, self._numbers = only, numbers
        self._counts: Counter[str] = Counter()

    async def __call__(self, passing: Passing, go_on: GoOn) -> Response:
        """As `Fault`."""
        delivered = delivered_in(passing.request) if passing.to == "app" else None
        if delivered is None:
            return await go_on(passing)
        handler = f"{handler_place(passing.request, passing.app)} of {passing.app_id}"
        self._counts[handler] += 1
        number = self._counts[handler]
        if not self.hits(handler, number):
            return await go_on(passing)
        chance = random.Random(f"{self.seed} {passing.app_id} {passing.request.target} {number}")
        await _turns(chance.randrange(TURNS))
        answer = await go_on(passing)
        if status_of(answer.status, answer.body) != DeliveryStatus.SUCCESS:
            return answer
        at_once = chance.random() < AT_ONCE
        await _turns(0 if at_once else TURNS)
        kind = "it came again at once" if at_once else "it came again after others"
        self.steps.append(ChaosStep(handler, number, kind, _told(delivered)))
        return await go_on(passing)

    def hits(self, handler: str, number: int) -> bool:
        """Whether it is done to this delivery to this handler."""
        if self._only is not None and handler not in self._only:
            return False
        return self._numbers is None or number in self._numbers


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def _told(delivered: Delivered) -> str:
    names = ", ".join(f"'{name}'" for name in delivered.ids)
    data = json.dumps(json.loads(delivered.events[0]).get("data")) if delivered.events else ""
    return f"event {names} of '{delivered.topic}', data {data if len(data) <= SHOWN else data[:SHOWN] + '…'}"
