"""Waiting for what is staged: events that lie in the outboxes of boards, and are to be published yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from outboard.errors import OutboxUnavailable
from outboard.kit.outbox.sql.outbox import Outbox
from outboard.testing.failures import NotHandled
from outboard.testing.patience import patiently
from outboard.testing.recording import NotSeen

__all__ = ["StagedEvents"]

ASK_SECONDS: Final = 0.01


class StagedEvents:
    """Those of the outboxes that are in use at the moment."""

    def __init__(self) -> None:
        self._used: list[Outbox] = []

    @property
    def used(self) -> Sequence[Outbox]:
        """Those."""
        return tuple(self._used)

    @contextmanager
    def of(self, outbox: Outbox | None) -> Iterator[None]:
        """`outbox` is in use while the block runs."""
        if outbox is None:
            yield
            return
        self._used.append(outbox)
        try:
            yield
        finally:
            self._used.remove(outbox)

    async def left(self) -> list[NotHandled]:
        """One for each outbox that holds what is due and was not published."""
        found = []
        for outbox in self.used:
            with suppress(OutboxUnavailable):  # its relay has said so
                if waiting := (await outbox.store.depth()).waiting:
                    found.append(NotHandled(f"{waiting} staged event(s) are due, and were not published"))
        return found

    async def published(self, timeout: float) -> None:
        """Return when all that is due is published or parked. Raises NotSeen, OutboxUnavailable."""
        try:
            async with patiently(timeout):
                await self.all_published()
        except TimeoutError:
            raise NotSeen(f"not every staged event was published within {timeout:g} s") from None

    async def all_published(self) -> None:
        """As `published`, however long it takes."""
        for outbox in tuple(self._used):
            while (await outbox.store.depth()).waiting:  # noqa: ASYNC110 - only its database knows
                await asyncio.sleep(ASK_SECONDS)
