"""Tasks beside a block: they end with it, and it ends with one that fails."""

from __future__ import annotations

import asyncio

import pytest

from outboard.tasks import background_tasks

pytestmark = pytest.mark.anyio


class Watch:
    """A task that runs until it is cancelled, and takes a moment to end."""

    def __init__(self) -> None:
        self.ended = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended = True


async def fail() -> None:
    raise LookupError("lost")


async def test_at_the_end_of_the_block_they_are_cancelled_and_collected() -> None:
    one, two = Watch(), Watch()
    async with background_tasks(one.run(), two.run()):
        await asyncio.sleep(0)
        assert not one.ended
    assert one.ended
    assert two.ended


async def test_a_block_that_fails_ends_them_too_and_its_error_is_as_it_was() -> None:
    watch = Watch()
    with pytest.raises(LookupError):
        async with background_tasks(watch.run()):
            await asyncio.sleep(0)
            raise LookupError("lost")
    assert watch.ended


async def test_one_that_fails_ends_the_block_and_the_others() -> None:
    watch = Watch()
    with pytest.raises(ExceptionGroup) as caught:
        async with background_tasks(watch.run(), fail()):
            await asyncio.Event().wait()
    assert watch.ended
    assert caught.group_contains(LookupError)


async def test_a_cancelled_block_is_cancelled_once_they_have_ended() -> None:
    watch = Watch()

    async def block() -> None:
        async with background_tasks(watch.run()):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(block())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert watch.ended
