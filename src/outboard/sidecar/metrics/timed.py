"""Telling how long something took, and how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypeVar

__all__ = ["timed"]

T = TypeVar("T")


async def timed(
    work: Awaitable[T], tell: Callable[[bool, float], None], succeeded: Callable[[T], bool] = lambda _: True
) -> T:
    """Await `work`; then `tell` whether it succeeded, and its seconds. What is cancelled is not told of.

    `succeeded` is asked of what it returns, if it raises nothing.
    """
    started = perf_counter()
    try:
        result = await work
    except Exception:
        tell(False, perf_counter() - started)
        raise
    tell(succeeded(result), perf_counter() - started)
    return result
