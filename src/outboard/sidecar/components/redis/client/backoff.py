"""How long to wait between attempts. Pure.

Source: go-redis, `MinRetryBackoff` and `MaxRetryBackoff` of its options, which daprd's items set.
"""

from __future__ import annotations

from collections.abc import Callable

from outboard.sidecar.components.redis.client.settings import RedisSettings

__all__ = ["pause_before"]


def pause_before(attempt: int, settings: RedisSettings, random: Callable[[], float]) -> float:
    """Seconds before attempt number `attempt` (the second is 1): jittered, and doubled each time."""
    least, most = settings.min_retry_interval, settings.max_retry_interval
    if least >= most:
        return most
    grown = least * 2.0 ** min(attempt - 1, 40)
    return min(least + random() * grown, most)
