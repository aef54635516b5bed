"""Questions asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

__all__ = ["AT_ONCE", "together"]

AT_ONCE: Final = 8
T = TypeVar("T")


async def together(*questions: Awaitable[T]) -> list[T]:
    """Their answers in order, once there is one to each, so many at a time. Raises what the first of those
    that failed has raised.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def answer(question: Awaitable[T]) -> T:
        async with room:
            return await question

    found = await asyncio.gather(*map(answer, questions), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if not isinstance(each, BaseException)]
