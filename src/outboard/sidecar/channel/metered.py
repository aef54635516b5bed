"""The exchange with the app, measured."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from outboard.sidecar.metrics.meters import Meters
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["MeteredExchange"]

NOT_ANSWERED: Final = 500
"""As daprd has it."""


class MeteredExchange:
    """An exchange of which each request is told to `meters`."""

    def __init__(self, exchange: Exchange, meters: Meters) -> None:
        self._exchange = exchange
        self._meters = meters

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        started = perf_counter()
        try:
            response = await self._exchange(request, timeout)
        except ExchangeFailed:
            self._told(request, NOT_ANSWERED, 0, started)
            raise
        self._told(request, response.status, len(response.body), started)
        return response

    def _told(self, request: Request, status: int, received: int, started: float) -> None:
        path, seconds = request.target.partition("?")[0], perf_counter() - started
        self._meters.called_app(request.method, path, status, len(request.body), received, seconds)
