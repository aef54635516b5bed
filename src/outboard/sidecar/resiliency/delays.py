"""Whether and when to try again, by a retry policy. Pure.

Source: Dapr, "Retry and back-off resiliency policies" and "Override default retry policies"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.resources.resiliency import FOREVER, CodeRange, RetryPolicy
from outboard.sidecar.resiliency.failure import Failure

__all__ = ["delay_after", "delay_after_failure", "is_retried"]

LARGEST_EXPONENT: Final = 200  # a float overflows long before an endless policy ends
GRPC: Final = CodeRange(0, 16)
HTTP: Final = CodeRange(100, 599)


def delay_after_failure(
    retry: RetryPolicy | None, failure: Failure, failures: int, elapsed: float, random: Callable[[], float]
) -> float | None:
    """As `delay_after`, for a `failure` that may be one that is not tried again."""
    if retry is None or failure.permanent or not is_retried(retry, failure.code):
        return None
    return delay_after(retry, failures, elapsed, random)


def is_retried(retry: RetryPolicy, code: int | None) -> bool:
    """Whether the policy's `matching` covers an answer's status; what came without one always is covered.

    A status that is neither one of HTTP nor of gRPC never is.
    """
    if code is None:
        return True
    if code in GRPC:
        return _matches(retry.grpc_codes, code)
    return code in HTTP and _matches(retry.http_codes, code)


def delay_after(
    retry: RetryPolicy | None, failures: int, elapsed: float, random: Callable[[], float]
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


def _matches(ranges: tuple[CodeRange, ...], code: int) -> bool:
    return not ranges or any(code in each for each in ranges)


def _interval(retry: RetryPolicy, failures: int) -> float:
    if failures == 1:
        return retry.initial_interval  # also where it is above the maximum: that bounds only the growth
    grown = retry.initial_interval * retry.multiplier ** min(failures - 1, LARGEST_EXPONENT)
    return min(grown, retry.max_interval)
