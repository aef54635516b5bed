"""Runs the entries of a batch: those of one key in order, the others beside each other.

A lane is the entries of one key. It is, in turn:

    state    goes on
    waiting  when a worker is free, in the order of the first entries: taken
    taken    entry by entry, as long as each ends with True: over behind the last
    over     no more: it is done, or an entry is to come again, which nothing of its key may overtake

A worker is a task. There is one, until an entry has to wait for something: that calls all the others, and
each takes a lane. So a batch whose handlers wait for nothing is run by a single task.

To know whether an entry waits, a worker steps its coroutine itself, up to the first await that is not ready.
A task each would be simpler, and takes 4.9 µs of CPU an entry instead of 1.0, where handlers do not wait, and
6.0 instead of 3.8 where they wait once (benchmarks/stepping.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextvars import copy_context
from types import coroutine
from typing import Any, TypeAlias

__all__ = ["Step", "by_key", "run_in_key_order"]

Step: TypeAlias = Callable[[int], Coroutine[Any, Any, bool]]
"""Handles the entry at one position; False if it is to come again, so that nothing may overtake it."""


def by_key(keys: Sequence[str | None]) -> list[list[int]]:
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


async def run_in_key_order(keys: Sequence[str | None], step: Step, concurrency: int) -> None:
    """Await `step` for each position, at most `concurrency` at once; a lane ends at its first False.

    Each step has a copy of this task's context variables, so that none sees what another sets. One task takes
    one step after another as long as none waits for anything: tasks beside it cost more than most steps do.
    """
    await _Workers(by_key(keys), step, concurrency).run()


class _Workers:
    """Workers, each a task, that take lanes until none is left. The first that waits calls the others."""

    def __init__(self, found: Sequence[Sequence[int]], step: Step, concurrency: int) -> None:
        self._waiting = iter(found)
        self._step = step
        self._turn = concurrency
        self._uncalled = min(concurrency, len(found))
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        async with self._group:
            self._call(1)

    def _call(self, workers: int) -> None:
        for _ in range(min(workers, self._uncalled)):
            self._uncalled -= 1
            self._group.create_task(self._work())

    async def _work(self) -> None:
        taken = 0
        for lane in self._waiting:
            for position in lane:
                if not await self._run(position):
                    break
                taken += 1
                if taken % self._turn == 0:
                    await asyncio.sleep(0)  # a handler that never waits would keep the event loop for itself

    async def _run(self, position: int) -> bool:
        run, running = copy_context().run, self._step(position)
        try:
            waits_for = run(running.send, None)  # raises StopIteration where it had nothing to wait for
            self._call(self._uncalled)
            return await _rest(run, running, waits_for)
        except StopIteration as ended:
            return bool(ended.value)
        except asyncio.CancelledError:
            # A handler may raise it of its own accord, or by a scope that it cancelled. Only where somebody
            # cancels the worker may the worker end; otherwise the entry has failed, and is to come again.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return False


@coroutine
def _rest(
    run: Callable[..., Any], running: Coroutine[Any, Any, bool], waits_for: Any
) -> Generator[Any, Any, bool]:
    """What is left of a coroutine that has begun, and waits for a future. `run` is of its context.

    `yield from` would go on in the context of the worker; so each step is made in that of the entry.
    """
    try:
        while True:
            try:
                value = yield waits_for
            except BaseException as error:
                waits_for = run(running.throw, error)
            else:
                waits_for = run(running.send, value)
    except StopIteration as ended:
        return bool(ended.value)
