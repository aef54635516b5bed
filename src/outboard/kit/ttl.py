"""How long something lives, as Dapr writes it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TypeAlias

from outboard.kit.arguments import wrong
from outboard.wire.dapr import TTL_IN_SECONDS

__all__ = ["Ttl", "ttl_metadata"]

Ttl: TypeAlias = timedelta | float
"""A timedelta, or seconds."""


def ttl_metadata(ttl: Ttl | None) -> dict[str, str]:
    """The metadata that says so, in whole seconds, rounded up; none for None.

    Raises ValueError where `ttl` is not a positive, finite time, TypeError where it is no time at all.
    """
    if ttl is None:
        return {}
    if isinstance(ttl, bool) or not isinstance(ttl, timedelta | int | float):
        wrong("ttl", "seconds or a timedelta", ttl)
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if not 0 < seconds < math.inf:
        raise ValueError(f"ttl is a positive time, not {ttl!r}")
    return {TTL_IN_SECONDS: str(math.ceil(seconds))}
