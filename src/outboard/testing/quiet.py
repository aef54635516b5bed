"""Whether anything can still happen in a test, unless time passes.

It is quiet where no request is under way between apps and sidecars, but for what a fault holds; no relay
waits for its database; and every task of the event loop waits for something that has not come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from outboard.kit.outbox.sql.outbox import Outbox
from outboard.testing.staged import StagedEvents
from outboard.testing.traffic import Traffic

__all__ = ["Quietness", "SettledQuietness"]

TURNS: Final = 3
"""Of the event loop, in which nothing may stir: what one callback leaves to the next is done by then."""
ASK_SECONDS: Final = 0.001


class Quietness:
    """Looks at `traffic`, at the `outboxes` in use, and at the tasks of the running loop."""

    def __init__(self, traffic: Traffic, outboxes: Callable[[], Sequence[Outbox]]) -> None:
        self._traffic = traffic
        self._outboxes = outboxes

    @property
    def is_busy(self) -> bool:
        """Whether an app, a sidecar or a database has something to answer."""
        traffic = self._traffic
        return len(traffic.under_way) > traffic.held or any(each.under_way for each in self._outboxes())

    @property
    def is_quiet(self) -> bool:
        """Whether it is at this moment, as far as one look tells."""
        return not self.is_busy and all_blocked()

    async def wait(self) -> None:
        """Return once it is, for a few turns of the loop."""
        turns = 0
        while turns < TURNS:
            turns = turns + 1 if self.is_quiet else 0
            await asyncio.sleep(ASK_SECONDS if self.is_busy else 0)


class SettledQuietness(Quietness):
    """Beside real sidecars: what is on its way inside of them shows only by what comes out.

    So it is quiet where nothing is staged, and each app has settled what was published to it, too.
    """

    def __init__(
        self, traffic: Traffic, staged: StagedEvents, unsettled: Callable[[], Sequence[object]]
    ) -> None:
        super().__init__(traffic, lambda: staged.used)
        self._staged, self._unsettled = staged, unsettled

    @property
    def is_busy(self) -> bool:
        """As that of `Quietness`."""
        return super().is_busy or bool(self._unsettled())

    async def wait(self) -> None:
        """As that of `Quietness`; what is staged, and due, is published first."""
        await self._staged.all_published()
        await super().wait()


def all_blocked() -> bool:
    """Whether every other task of this loop waits for something that has not come."""
    current = asyncio.current_task()
    return all(task is current or task.done() or _is_blocked(task) for task in asyncio.all_tasks())


def _is_blocked(task: asyncio.Task[object]) -> bool:
    """As anyio's `wait_all_tasks_blocked` finds it out."""
    waiter: asyncio.Future[object] | None = getattr(task, "_fut_waiter", None)
    return waiter is not None and not waiter.done()
