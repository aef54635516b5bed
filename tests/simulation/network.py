"""The way of a request from one process to another: what may be lost, late, or twice on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from outboard.wire.dapr import PUBLISH_PATH
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response
from outboard.wire.replays import REPLAY_ID
from simulation.loop import Process
from simulation.world import World

__all__ = ["MARK", "Link"]

KINDS: Final = (
    "refused", "request lost", "answer lost", "delivered late", "delivered twice", "slow", "kill", "stop",
)  # fmt: skip
MARK: Final = f'"{REPLAY_ID}"'.encode()
"""Events that are published again have it."""
ANSWERED: Final = ("kill after answer", "stop after answer")
HANGS: Final = 60.0


class Link:
    """An `Exchange` with whatever listens in the process at the other side, which `there` finds anew."""

    def __init__(self, world: World, name: str, there: Callable[[], tuple[Process, Exchange] | None]) -> None:
        self._world = world
        self._name = name
        self._there = there

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        """Raises ExchangeFailed."""
        world = self._world
        await world.wait(0.0, 0.003)
        peer = self._there()
        kind = world.strikes(*KINDS, at=_moment(request))
        if peer is None or kind == "refused":
            raise ExchangeFailed("connection refused", sent=False)
        if kind == "request lost":
            return await self._in_vain(timeout)
        await world.suffer(kind)
        if kind == "slow":
            await world.wait(0.5, 8.0)
        if kind == "delivered late":
            world.beside(self._late(request))
            return await self._in_vain(timeout)
        if kind == "delivered twice":
            world.beside(self._late(request))
        answer = self._answer(peer, request)
        if kind == "answer lost":
            await self._quietly(answer)
            raise ExchangeFailed("connection reset by peer")
        try:
            async with asyncio.timeout(timeout):
                response = await answer
        except TimeoutError:
            raise ExchangeFailed(f"no answer within {timeout} s") from None
        await world.wait(0.0, 0.002)
        await world.suffer(world.strikes(*ANSWERED).removesuffix(" after answer"))
        return response

    async def _in_vain(self, timeout: float | None) -> Response:
        await asyncio.sleep(min(HANGS, timeout or HANGS))
        raise ExchangeFailed("no answer")

    async def _late(self, request: Request) -> None:
        """It was somewhere in between, and comes after all."""
        await self._world.wait(0.5, 40.0)
        peer = self._there()
        if peer is not None:
            self._world.tell(f"{self._name}: a late request comes")
            await self._quietly(self._answer(peer, request))

    def _answer(self, peer: tuple[Process, Exchange], request: Request) -> asyncio.Future[Response]:
        """What the other side answers: its work goes on whether or not somebody waits, unless it dies."""
        process, exchange = peer
        answer: asyncio.Future[Response] = self._world.loop.create_future()
        if not process.alive:  # it has died since it was looked for
            answer.set_exception(ExchangeFailed("connection reset by peer"))
            return answer

        def fail() -> None:
            if not answer.done():
                answer.set_exception(ExchangeFailed("connection reset by peer"))

        async def work() -> None:
            try:
                response = await exchange(request, None)
            except ExchangeFailed as error:
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(response)

        process.on_death.append(fail)
        answer.add_done_callback(lambda _: _removed(process.on_death, fail))
        self._world.loop.begin(process, work())
        return answer

    async def _quietly(self, answer: asyncio.Future[Response]) -> None:
        await asyncio.wait((answer,))
        answer.exception()


def _moment(request: Request) -> str:
    """Of AIMS; empty where it is none."""
    is_replay = MARK in request.body and request.target.startswith(PUBLISH_PATH)
    return "publish again" if is_replay else ""


def _removed(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)
