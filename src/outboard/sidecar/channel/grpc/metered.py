"""The exchange with an app over gRPC, measured."""

from __future__ import annotations

from time import perf_counter

from outboard.sidecar.channel.grpc.methods import code_of, go_name
from outboard.sidecar.metrics.call_meters import CallMeters
from outboard.wire.http import Exchange, Request, Response

__all__ = ["MeteredCalls"]


class MeteredCalls:
    """An exchange of which each call is told to `meters`."""

    def __init__(self, exchange: Exchange, meters: CallMeters) -> None:
        self._exchange = exchange
        self._meters = meters

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        started = perf_counter()
        response = await self._exchange(request, timeout)
        status, seconds = go_name(code_of(response)), perf_counter() - started
        self._meters.called_app(request.target, status, seconds, len(request.body), len(response.body))
        return response
