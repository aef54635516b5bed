"""The connection of a test, used from another event loop: Starlette's TestClient runs an app on its own.

Only a connection that was given is used so, and only where its loop runs in another thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from outboard.errors import EventLoopBlocked
from outboard.kit.client.port import SidecarApi

__all__ = ["ElsewhereSidecar", "on_other_loop"]

R = TypeVar("R")

GRACE_SECONDS: Final = 1.0
"""Beyond the time of a call, after which nobody can be doing it."""
LONGEST_CALL: Final = 30.0
"""Seconds, for a call of which only the sidecar's client knows the time."""


async def on_other_loop(
    loop: asyncio.AbstractEventLoop,
    operation: str,
    call: Callable[[], Coroutine[Any, Any, R]],
    timeout: float,
) -> R:
    """What `call` returns or raises, which runs on `loop`, in another thread.

    Raises EventLoopBlocked where that loop does not turn, `timeout` seconds long and a little more.
    """
    future = asyncio.run_coroutine_threadsafe(call(), loop)
    bound = asyncio.timeout(timeout + GRACE_SECONDS)
    try:
        async with bound:
            return await asyncio.wrap_future(future)
    except TimeoutError:
        if not bound.expired():
            raise
        raise EventLoopBlocked(operation) from None


class ElsewhereSidecar:
    """`sidecar`, which is used on `loop`, for another one."""

    def __init__(self, sidecar: SidecarApi, loop: asyncio.AbstractEventLoop, operation: str) -> None:
        self._sidecar, self._loop, self._operation = sidecar, loop, operation

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, object]]:
        method = getattr(self._sidecar, name)

        async def call(*arguments: Any, **named: Any) -> object:
            return await on_other_loop(
                self._loop, self._operation, lambda: method(*arguments, **named), LONGEST_CALL
            )

        return call
