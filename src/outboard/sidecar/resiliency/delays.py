"""When to try again, by a retry policy. Pure.

Source: Dapr, "Retry and back-off resiliency policies"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.resources.resiliency import FOREVER, Retry

__all__ = ["delay_after"]

LARGEST_EXPONENT: Final = 200  # a float overflows long before an endless policy ends


def delay_after(
    retry: Retry | None, failures: int, elapsed: float, random: Callable[[], float]
) -> float | None:
    """Seconds to wait after so many `failures` (from 1), None to give up.

    `elapsed` is the time in seconds since the first attempt; `random` gives numbers from 0 to below 1. So
    many retries are one attempt more. An exponential policy whose `max_elapsed` is 0 never ends by time.
    """
    if retry is None or (retry.max_retries != FOREVER and failures > retry.max_retries):
        return None
    if retry.policy == "constant":
        return retry.duration
    delay = _interval(retry, failures) * (1 + retry.randomization * (2 * random() - 1))
    return None if retry.max_elapsed and elapsed + delay > retry.max_elapsed else delay


def _interval(retry: Retry, failures: int) -> float:
    grown = retry.initial_interval * retry.multiplier ** min(failures - 1, LARGEST_EXPONENT)
    return min(grown, retry.max_interval)
