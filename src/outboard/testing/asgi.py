"""An app of a test and its lifespan, in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from outboard.asgi import ASGIApp, AsgiExchange, AsgiLifespan
from outboard.testing.in_flight import InFlight
from outboard.wire.http import Request, Response

__all__ = ["AppLifespan"]


class AppLifespan:
    """An app's lifespan, begun when its first request comes: by then its sidecar has its components."""

    def __init__(self, app: ASGIApp) -> None:
        self._lifespan = AsgiLifespan(app)
        self.in_flight = InFlight(AsgiExchange(app, self._lifespan.state))
        self._starting = asyncio.Lock()
        self._begun = False

    @classmethod
    @asynccontextmanager
    async def of(cls, app: ASGIApp) -> AsyncIterator[AppLifespan]:
        """The life of `app`; at the end of the block the app is shut down, if it was started."""
        life = cls(app)
        try:
            yield life
        finally:
            await life._lifespan.end()

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        """Be an `Exchange`. Raises what the app's start raised.

        Each request is a task of its own, as with a server: what the app does to its task and its context
        variables does not reach the sidecar, which goes on with the next event.
        """
        if not self._begun or self._starting.locked():
            await self.start()
        return await self.in_flight(request, timeout)

    async def start(self) -> None:
        """Return when the app has started. Raises what its start raised."""
        async with self._starting:
            if not self._begun:
                self._begun = True
                await self._lifespan.start()
