"""How long to wait after a failure, and when to ask no more for a while. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["CLOSED", "Breaker", "backoff"]

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 60.0
LONGEST_OPEN_SECONDS: Final = 10.0
THRESHOLD: Final = 3


def backoff(failures: int, randomness: float, longest: float = LONGEST_SECONDS) -> float:
    """Seconds to wait after so many failures in a row, which count from 1: exponential with full jitter.

    `randomness` is in [0, 1).
    """
    return min(FIRST_SECONDS * 2.0 ** min(failures - 1, 32), longest) * randomness


@dataclass(frozen=True, slots=True)
class Breaker:
    """Of one pub/sub component. Open, it lets nothing pass; after that one event, to find out.

    `failures` are those in a row; `until` is when it was or will be open no more, by the monotonic clock in
    seconds, None while it is closed. `probing` is while that one event is under way.
    """

    failures: int = 0
    until: float | None = None
    probing: bool = False

    def is_open(self, now: float) -> bool:
        """Whether nothing may pass, whatever it is."""
        return self.until is not None and now < self.until

    def allows(self, now: float) -> bool:
        """Whether one more event may be sent."""
        return self.until is None or (now >= self.until and not self.probing)

    def admitted(self) -> Breaker:
        """After an event that was allowed has been sent."""
        return replace(self, probing=True) if self.until is not None else self

    def failed(self, now: float, randomness: float, *, outage: bool) -> Breaker:
        """After an event failed. An `outage`, where there was not even an answer, opens it at once."""
        if self.is_open(now):
            return self  # one that was sent before; they fail together and say the same
        failures = self.failures + 1
        if not outage and self.until is None and failures < THRESHOLD:
            return Breaker(failures)
        times = failures if outage else max(failures - THRESHOLD + 1, 1)
        return Breaker(failures, now + backoff(times, randomness, LONGEST_OPEN_SECONDS))


CLOSED: Final = Breaker()
"""Nothing is wrong, as far as anybody knows: this is also what a success leads to."""
