"""What publisher and consumer, two processes on one machine, have in common."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def percentiles(values: Iterable[int]) -> dict[str, float]:
    """p50, p99 and p99.9 of `values` (µs) in milliseconds."""
    ordered = sorted(values)
    return {
        name: ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1000
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    }


def collect_rarely() -> None:
    """For a service that cares for its slowest events: what is there for good is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
