"""Commands that many coroutines send at the same time, in as few round trips as possible.

What comes while one pipeline is on its way waits, and goes together in the next: no timer, and the order in
which the commands came is the order in which the server gets them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.port import RedisCommand, RedisReply

__all__ = ["Pipelining", "SendCommands"]

COMMANDS_AT_ONCE: Final = 1_000
SendCommands: TypeAlias = Callable[[Sequence[RedisCommand]], Awaitable[Sequence[RedisReply]]]


class Pipelining:
    """Sends with `send`, which answers commands in their order. Raises what `send` raises."""

    def __init__(self, send: SendCommands) -> None:
        self._send = send
        self._waiting: deque[tuple[RedisCommand, asyncio.Future[RedisReply]]] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def command(self, command: RedisCommand) -> RedisReply:
        """The reply to `command`. One that is cancelled before it was sent is not sent."""
        answered: asyncio.Future[RedisReply] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answered))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        return await answered

    async def close(self) -> None:
        """Return when what is waiting is sent."""
        if self._sending is not None:
            await self._sending

    async def _send_all(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), COMMANDS_AT_ONCE)
            taken = (self._waiting.popleft() for _ in range(count))
            batch = [(command, answered) for command, answered in taken if not answered.done()]
            if batch:
                await self._send_batch(batch)

    async def _send_batch(self, batch: Sequence[tuple[RedisCommand, asyncio.Future[RedisReply]]]) -> None:
        try:
            replies = await self._send([command for command, _ in batch])
        except Exception as error:
            for _, answered in batch:
                if not answered.done():
                    answered.set_exception(_copy(error))
            return
        for (_, answered), reply in zip(batch, replies, strict=True):
            if not answered.done():
                answered.set_result(reply)


def _copy(error: Exception) -> Exception:
    """Each who waits gets an error with a traceback of its own."""
    return type(error)(str(error)) if isinstance(error, ComponentError) else error
