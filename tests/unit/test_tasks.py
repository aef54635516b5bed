"""Tasks beside a block."""

from __future__ import annotations

import asyncio

import pytest

from outboard.tasks import background_tasks

pytestmark = pytest.mark.anyio


async def test_the_tasks_end_with_the_block_and_are_waited_for() -> None:
    ended: list[str] = []

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("ended")

    async with background_tasks(slow_to_end()):
        await asyncio.sleep(0)
    assert ended == ["ended"]


async def test_what_the_block_raises_stays_what_it_is() -> None:
    with pytest.raises(LookupError):
        async with background_tasks(asyncio.Event().wait()):
            raise LookupError


async def test_a_task_that_fails_ends_the_block() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(ExceptionGroup) as caught:
        async with background_tasks(fail()):
            await asyncio.Event().wait()
    assert [type(error) for error in caught.value.exceptions] == [LookupError]


async def test_whoever_cancels_the_block_cancels_the_tasks() -> None:
    async def block() -> None:
        async with background_tasks(asyncio.Event().wait()):
            await asyncio.Event().wait()

    before = asyncio.all_tasks()
    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before
