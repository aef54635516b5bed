"""Threads of the simulation: anyio's, as the kit, Starlette and FastAPI use them, beside asyncio's own.

Both are tasks of `SimulatedLoop`. What runs in one waits with `wait_for`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TypeVar

import anyio.to_thread
from anyio import CancelScope, CapacityLimiter
from sqlalchemy.util import await_only

__all__ = ["run_sync", "wait_for"]

T = TypeVar("T")


async def run_sync(
    func: Callable[..., T],
    *args: object,
    abandon_on_cancel: bool = False,
    limiter: CapacityLimiter | None = None,
) -> T:
    """As `anyio.to_thread.run_sync`: a scope of anyio's that is cancelled waits for the thread."""
    async with limiter or anyio.to_thread.current_default_thread_limiter():
        context = copy_context()
        with CancelScope(shield=not abandon_on_cancel):
            return await asyncio.get_running_loop().run_in_executor(None, context.run, func, *args)
    raise AssertionError("a scope that nobody cancels has been left")


def wait_for(awaited: Awaitable[T]) -> T:
    """What `awaited` comes to, for code that runs in a thread."""
    return await_only(awaited)
