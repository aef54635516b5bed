"""Acknowledgements go together, and survive those who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from outboard.sidecar.components.redis.streams.acknowledging import Acknowledging

pytestmark = pytest.mark.anyio


class Server:
    """Takes acknowledgements when it is let."""

    def __init__(self) -> None:
        self.rounds: list[list[bytes]] = []
        self.free = asyncio.Event()

    async def take(self, entries: Sequence[bytes]) -> None:
        self.rounds.append(list(entries))
        await self.free.wait()


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_comes_meanwhile_goes_together() -> None:
    server = Server()
    acknowledge = Acknowledging(server.take)
    waiting = [asyncio.create_task(acknowledge([b"1"]))]
    await turns()
    waiting += [asyncio.create_task(acknowledge(entries)) for entries in ([b"2", b"3"], [b"4"], [])]
    await turns()
    assert [task.done() for task in waiting] == [False, False, False, True]

    server.free.set()
    await asyncio.gather(*waiting)

    assert server.rounds == [[b"1"], [b"2", b"3", b"4"]]


async def test_one_that_is_cancelled_is_sent_all_the_same() -> None:
    server = Server()
    acknowledge = Acknowledging(server.take)
    waiting = [asyncio.create_task(acknowledge([entry])) for entry in (b"1", b"2")]
    await turns()
    waiting[1].cancel()
    server.free.set()

    await acknowledge.finish()

    assert sorted(entry for each in server.rounds for entry in each) == [b"1", b"2"]
    assert waiting[1].cancelled()
    await waiting[0]


async def test_a_defect_reaches_who_waits_and_the_next_is_sent() -> None:
    answers = [RuntimeError("a defect"), None]

    async def take(entries: Sequence[bytes]) -> None:
        error = answers.pop(0)
        if error is not None:
            raise error

    acknowledge = Acknowledging(take)

    with pytest.raises(RuntimeError, match="a defect"):
        await acknowledge([b"1"])
    await acknowledge([b"2"])
    await acknowledge.finish()
    assert answers == []
