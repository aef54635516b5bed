"""Tasks whose life is a block's, and work that a cancelled task still ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager

__all__ = ["background_tasks", "to_its_end"]


@asynccontextmanager
async def background_tasks(*coroutines: Coroutine[None, None, object]) -> AsyncIterator[None]:
    """Run `coroutines` as tasks while the block runs; at its end they are cancelled and waited for.

    A task that fails ends the block. Raises an ExceptionGroup of the tasks that failed, as asyncio's
    TaskGroup does, and what the block raises as it is.
    """
    raised: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
        try:
            yield
        except Exception as error:  # the group would raise it as a part of one
            raised = error
        for task in tasks:
            task.cancel()
    if raised is not None:
        raise raised


async def to_its_end(work: Awaitable[None], seconds: float) -> None:
    """Wait for `work`, which is not cancelled with this task: then it has so many seconds yet."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait((working,), timeout=seconds)
        working.cancel()
        raise
