"""`--wait`: until another sidecar's components can be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.clock import Clock
from outboard.wire import dapr
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["until_outbound_ready"]

PERIOD: Final = 0.1
LONGEST: Final = 60.0
ONE_REQUEST: Final = 1.0
HEALTHY: Final = 204
"""What Dapr answers; whatever else is at the port may answer 200 to everything."""


async def until_outbound_ready(exchange: Exchange, clock: Clock, tell: Callable[[str], None]) -> None:
    """Return once the sidecar behind `exchange` answers that it is ready, after 60 s in any case."""
    started, told = clock.monotonic(), ""
    while clock.monotonic() - started < LONGEST:
        problem = await _problem(exchange)
        if not problem:
            return tell("Dapr is outbound ready!")
        if problem != told:
            tell(f"Dapr outbound NOT ready yet: {problem}")
            told = problem
        await clock.sleep(PERIOD)
    return tell(f"timeout waiting for Dapr to become outbound ready. Last error: {told}")


async def _problem(exchange: Exchange) -> str:
    try:
        response = await exchange(Request("GET", dapr.OUTBOUND_HEALTH_PATH), ONE_REQUEST)
    except ExchangeFailed as failure:
        return failure.reason
    return "" if response.status == HEALTHY else f"HTTP status {response.status}"
