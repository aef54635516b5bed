"""Runs the entries of a batch: those of one key in order, the others beside each other."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

__all__ = ["Step", "lanes", "run_in_lanes"]

Step: TypeAlias = Callable[[int], Awaitable[bool]]
"""Handles the entry at one position; False if it is to come again, so that nothing may overtake it."""


def lanes(keys: Sequence[str | None]) -> list[list[int]]:
    """The positions of each key, in order. What has no key is a lane of its own."""
    found: list[list[int]] = []
    by_key: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        if key is None or key not in by_key:
            lane = [position]
            found.append(lane)
            if key is not None:
                by_key[key] = lane
        else:
            by_key[key].append(position)
    return found


async def run_in_lanes(keys: Sequence[str | None], step: Step, concurrency: int) -> None:
    """Await `step` for each position, at most `concurrency` at once; a lane ends at its first False.

    Each step is a task with a copy of this task's context variables, so that none sees what another sets.
    """
    await _Lanes(lanes(keys), step).run(concurrency)


class _Lanes:
    """One task per entry, and no other: a step that ends starts the next, of its lane or of one waiting."""

    def __init__(self, found: Sequence[Sequence[int]], step: Step) -> None:
        self._step = step
        self._waiting = iter(found)
        self._context = contextvars.copy_context()
        self._group = asyncio.TaskGroup()

    async def run(self, concurrency: int) -> None:
        async with self._group:
            for _, lane in zip(range(concurrency), self._waiting, strict=False):
                self._start(lane, 0)

    def _start(self, lane: Sequence[int], index: int) -> None:
        self._group.create_task(self._advance(lane, index), context=self._context.copy())

    async def _advance(self, lane: Sequence[int], index: int) -> None:
        if await self._step(lane[index]) and index + 1 < len(lane):
            self._start(lane, index + 1)
        elif (following := next(self._waiting, None)) is not None:
            self._start(following, 0)
