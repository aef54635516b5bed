"""A program around an app that no server runs: its lifespan, until somebody asks the program to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from outboard.asgi import ASGIApp, AsgiLifespan
from outboard.host.stop_requests import on_stop_request

__all__ = ["started", "until_stopped"]


@asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[None]:
    """Let `app` run its lifespan as under a server while the block runs. Raises what its start raises."""
    lifespan = AsgiLifespan(app)
    await lifespan.start()
    try:
        yield
    finally:
        await lifespan.end()


async def until_stopped(scope: AbstractAsyncContextManager[None]) -> None:
    """Run `scope` until the program is asked to stop (Ctrl-C, SIGTERM); asked again, it ends at once."""
    stop = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    def ask(_reason: str) -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    with on_stop_request(ask):
        async with scope:
            await stop.wait()
