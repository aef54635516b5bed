"""Apps that go away and come back: a debugger restarts them, or a reload does.

Their events wait for them. An event that was with the app when it went is given to it again, as a broker
would; a breakpoint may hold one for as long as it likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from outboard.clock import Clock
from outboard.host.listening import is_listening
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["AppAvailability", "WaitingExchange", "keep_watch"]

POLL: Final = 0.05
SERVER_ERROR: Final = 500


class AppAvailability:
    """What is known of whether one app is there. It is taken to be away until `found` is called."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._there = asyncio.Event()
        self._away = asyncio.Event()
        self._away.set()
        self._given_up = False

    @property
    def is_there(self) -> bool:
        return self._there.is_set()

    def found(self) -> None:
        self._away.clear()
        self._there.set()

    def lost(self) -> None:
        self._there.clear()
        self._away.set()

    def give_up(self) -> None:
        """Wait no longer: the run ends."""
        self._given_up = True
        self._there.set()

    def wait_again(self) -> None:
        """After `give_up`: the run goes on, with another sidecar."""
        self._given_up = False
        if self._away.is_set():
            self._there.clear()

    async def until_there(self) -> None:
        """Raises ExchangeFailed once the run ends."""
        await self._there.wait()
        if self._given_up:
            raise ExchangeFailed("the app is away, and the run ends", sent=False)

    async def until_away(self) -> None:
        await self._away.wait()


class WaitingExchange:
    """Requests to an app that may be away: each waits for it, without a limit, and is repeated if need be."""

    def __init__(self, exchange: Exchange, availability: AppAvailability) -> None:
        self._exchange = exchange
        self._availability = availability

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        """The app's answer. `timeout` is not kept to: a person at a breakpoint takes the time they take.

        Raises ExchangeFailed only when the run ends.
        """
        while True:
            await self._availability.until_there()
            with suppress(ExchangeFailed):
                response = await self._exchange(request, None)
                if response.status < SERVER_ERROR or await self._stays():
                    return response
            self._availability.lost()

    async def _stays(self) -> bool:
        """Whether an app that just failed is still in service: one that is shutting down fails too."""
        return self._availability.is_there and await is_listening(
            self._availability.host, self._availability.port
        )


async def keep_watch(availability: AppAvailability, clock: Clock, on_found: Callable[[], None]) -> None:
    """Find the app again whenever it is away; call `on_found` each time. Runs until cancelled.

    An app that is there is left alone: connections that a process stopped at a breakpoint does not accept
    would pile up.
    """
    while True:
        await availability.until_away()
        while not await is_listening(availability.host, availability.port):
            await clock.sleep(POLL)
        availability.found()
        on_found()
