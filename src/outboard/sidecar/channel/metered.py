"""The exchange with the app, measured."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from outboard.sidecar.metrics.meters import Meters
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["metered", "metered_probes"]

NOT_ANSWERED: Final = 500
"""As daprd has it."""


def metered(exchange: Exchange, meters: Meters) -> Exchange:
    """`exchange`, of which each request is told to `meters`."""

    def tell(request: Request, status: int, received: int, seconds: float) -> None:
        path = request.target.partition("?")[0]
        meters.called_app(request.method, path, status, len(request.body), received, seconds)

    return _MeteredExchange(exchange, tell)


def metered_probes(exchange: Exchange, meters: Meters) -> Exchange:
    """The same of one that asks the app over HTTP whether it is well."""

    def tell(request: Request, status: int, received: int, seconds: float) -> None:
        meters.probed(status, seconds)

    return _MeteredExchange(exchange, tell)


class _MeteredExchange:
    def __init__(self, exchange: Exchange, tell: Callable[[Request, int, int, float], None]) -> None:
        self._exchange = exchange
        self._tell = tell

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        started = perf_counter()
        try:
            response = await self._exchange(request, timeout)
        except ExchangeFailed:
            self._tell(request, NOT_ANSWERED, 0, perf_counter() - started)
            raise
        self._tell(request, response.status, len(response.body), perf_counter() - started)
        return response
