"""What an app subscribes to after a restart, compared with what its sidecar knows.

daprd asks an app for its subscriptions once. Somebody who adds one under `--reload` should not have to find
that out by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from outboard.run.availability import AppAvailability
from outboard.wire.dapr import LIST_SUBSCRIPTIONS, SUBSCRIBE_PATH
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["SubscriptionMonitor"]

TIMEOUT = 5.0
ASKED_AT = frozenset({SUBSCRIBE_PATH, LIST_SUBSCRIPTIONS})
"""Over HTTP, and over gRPC."""


class SubscriptionMonitor:
    """An exchange that remembers what the app answered when it was asked for its subscriptions."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._asked: tuple[Request, Response] | None = None

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        response = await self._exchange(request, timeout)
        if request.target in ASKED_AT:
            self._asked = request, response
        return response

    async def watch(self, availability: AppAvailability, on_change: Callable[[], None]) -> None:
        """Ask again each time the app has been away, and call `on_change` for another answer.

        Runs until cancelled, or until the run ends.
        """
        with suppress(ExchangeFailed):  # the run ends, and nobody waits for the app any more
            while True:
                await availability.until_away()
                await availability.until_there()
                if await self._has_changed():
                    on_change()

    async def _has_changed(self) -> bool:
        if self._asked is None:
            return False
        request, before = self._asked
        try:
            now = await self._exchange(request, TIMEOUT)
        except ExchangeFailed:  # away again: it is asked when it comes back
            return False
        if not now.ok or now.body == before.body:
            return False
        self._asked = request, now
        return True
