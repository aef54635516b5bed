"""Acknowledgements that go together: what comes while one is on its way is sent with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

__all__ = ["Acknowledging", "SendAll"]

LAST_ONES: Final = 1.0
SendAll: TypeAlias = Callable[[Sequence[bytes]], Awaitable[None]]


class Acknowledging:
    """Sends ids with `send`, which returns once the server has them, however long that takes."""

    def __init__(self, send: SendAll) -> None:
        self._send = send
        self._waiting: list[bytes] = []
        self._sent: asyncio.Future[None] | None = None  # done when what waits now is sent
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, entries: Sequence[bytes]) -> None:
        """Return when `entries` are sent; they are, too, where the caller is cancelled meanwhile."""
        if not entries:
            return
        self._waiting += entries
        if self._sent is None:
            self._sent = asyncio.get_running_loop().create_future()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        await asyncio.shield(self._sent)

    async def finish(self) -> None:
        """Wait a moment for what is on its way: what does not arrive is delivered again."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=LAST_ONES)
            self._sending.cancel()

    async def _send_all(self) -> None:
        while self._sent is not None:
            entries, self._waiting = self._waiting, []
            sent, self._sent = self._sent, None
            try:
                await self._send(entries)
            except Exception as error:
                sent.set_exception(error)
            else:
                sent.set_result(None)
