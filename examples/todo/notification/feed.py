"""The latest notifications, in memory, and whoever waits for the next ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import BaseModel, Field

from events import Action, Task


class Notification(BaseModel):
    """What happened to a task. `event_id` and `source` name the CloudEvent that said so."""

    event_id: str
    source: str
    action: Action
    task_id: int
    data: Task
    received_at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Feed:
    """Keeps the last `capacity` notifications, each at a position that counts from 1.

    Readers have no queue of their own: one that is slow misses what was pushed out meanwhile, and costs no
    memory. Positions are written `<run>-<number>`, which tells those of an earlier run of the service apart.
    """

    def __init__(self, capacity: int = 200) -> None:
        self._kept: deque[Notification] = deque(maxlen=capacity)
        self._seen: set[tuple[str, str]] = set()
        self._last = 0
        self._run = uuid4().hex[:8]
        self._changed = asyncio.Event()
        self._ended = False

    def add(self, notification: Notification) -> bool:
        """Whether it was news: an event can arrive twice, and the second time says nothing new."""
        identity = (notification.source, notification.event_id)
        if identity in self._seen:
            return False
        if len(self._kept) == self._kept.maxlen:
            self._seen.remove((self._kept[0].source, self._kept[0].event_id))
        self._seen.add(identity)
        self._kept.append(notification)
        self._last += 1
        self._wake()
        return True

    def latest(self) -> Sequence[Notification]:
        """What is kept, newest first."""
        return tuple(reversed(self._kept))

    def since(self, position: str) -> Sequence[tuple[str, Notification]]:
        """What is kept after `position`, oldest first, each with its own position.

        All that is kept, if `position` is not one of this run.
        """
        first = self._last - len(self._kept) + 1
        after = max(self._number(position), first - 1)
        news = list(self._kept)[after - first + 1 :]
        return [(f"{self._run}-{number}", item) for number, item in enumerate(news, start=after + 1)]

    async def next(self, position: str) -> Sequence[tuple[str, Notification]]:
        """As `since`, but waits until there is something; empty at the end of the feed."""
        while not (news := self.since(position)) and not self._ended:
            await self._changed.wait()
        return news

    def end(self) -> None:
        """Let everybody who waits for more go."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _number(self, position: str) -> int:
        run, _, number = position.partition("-")
        return int(number) if run == self._run and number.isdecimal() else 0
