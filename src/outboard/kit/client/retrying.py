"""One request, tried until its deadline for as long as nobody has taken it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from outboard.clock import Clock
from outboard.kit.unavailable import unavailable
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["RequestRetries", "Retries", "is_untaken", "retry_delay"]

R = TypeVar("R")

FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 1.0


def retry_delay(attempt: int, randomness: float) -> float:
    """Seconds to wait after attempt number `attempt`, which counts from 1; `randomness` is in [0, 1)."""
    return float(min(FIRST_DELAY * 2 ** min(attempt - 1, 16), LONGEST_DELAY)) * (0.5 + randomness / 2)


def is_untaken(failure: ExchangeFailed, *, repeatable: bool) -> bool:
    """Whether the request may be sent again: nobody has taken it, or a second copy would do no harm."""
    return not failure.sent or (failure.dropped and repeatable)


@dataclass(frozen=True, slots=True)
class Retries:
    """Waits for a sidecar that is not there yet, and never longer than it was told.

    A request that reached the sidecar is not sent again, with one exception: where a pooled connection had
    been closed under it, a request that is `repeatable` is.
    """

    address: str
    clock: Clock
    random: Callable[[], float]

    async def run(
        self, attempt: Callable[[float], Awaitable[R]], operation: str, timeout: float, *, repeatable: bool
    ) -> R:
        """What `attempt` returns, which is given the seconds that are left, and may raise ExchangeFailed.

        Raises SidecarUnavailable after at most `timeout` seconds.
        """
        started = self.clock.monotonic()
        deadline = started + timeout
        attempts = 1
        while True:
            try:
                return await attempt(max(deadline - self.clock.monotonic(), 0.001))
            except ExchangeFailed as failure:
                delay = retry_delay(attempts, self.random())
                now = self.clock.monotonic()
                if not is_untaken(failure, repeatable=repeatable) or now + delay >= deadline:
                    raise unavailable(self.address, operation, now - started, failure) from failure
            await self.clock.sleep(delay)
            attempts += 1


@dataclass(frozen=True, slots=True)
class RequestRetries:
    """The same for HTTP."""

    exchange: Exchange
    address: str
    clock: Clock
    random: Callable[[], float]

    async def send(self, request: Request, operation: str, timeout: float, *, repeatable: bool) -> Response:
        """Raises SidecarUnavailable after at most `timeout` seconds."""
        retries = Retries(self.address, self.clock, self.random)
        return await retries.run(
            lambda left: self.exchange(request, left), operation, timeout, repeatable=repeatable
        )
