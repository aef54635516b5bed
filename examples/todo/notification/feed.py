"""The latest notifications, in the database, and whoever waits for the next ones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, Field
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from database import Database
from events import Action, Task
from notification.models import NotificationRow

LOCK: Final = text(f"LOCK TABLE {NotificationRow.__tablename__} IN SHARE ROW EXCLUSIVE MODE")
POSITION: Final = re.compile("[0-9]{1,18}")
ASK_SECONDS: Final = 0.25


class Notification(BaseModel):
    """What happened to a task. `event_id` and `source` name the CloudEvent that said so."""

    event_id: str
    source: str
    action: Action
    task_id: int
    data: Task
    received_at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Feed:
    """Shows the last `capacity` notifications, each at a position that counts from 1.

    Readers have no queue of their own: each asks the database, so it does not matter which process of the
    service has written. One that is slow misses what was pushed out meanwhile, and costs no memory.
    """

    def __init__(self, database: Database, capacity: int = 200) -> None:
        self._database = database
        self._capacity = capacity
        self._ended = asyncio.Event()

    def add(self, session: Session, notification: Notification) -> None:
        """It is there when the transaction of `session` is committed. Blocks."""
        if session.get_bind().dialect.name == "postgresql":
            # Positions are seen in their order then: none comes after a reader has passed it.
            session.execute(LOCK)
        row = NotificationRow(**notification.model_dump(exclude={"data"}))
        row.data = notification.data.model_dump(mode="json")
        session.add(row)
        session.flush()
        oldest = row.position - self._capacity
        session.execute(delete(NotificationRow).where(NotificationRow.position <= oldest))

    def latest(self) -> Sequence[Notification]:
        """What is kept, newest first. Blocks."""
        return [notification for _, notification in reversed(self.since(""))]

    def since(self, position: str) -> Sequence[tuple[str, Notification]]:
        """What is kept after `position`, oldest first, each with its own position. Blocks.

        All that is kept, if `position` is none that was given here.
        """
        kept = select(NotificationRow).order_by(NotificationRow.position.desc()).limit(self._capacity)
        with self._database.reading() as session:
            rows = list(session.scalars(kept))[::-1]
            after = int(position) if POSITION.fullmatch(position) else 0
            if not rows or after > rows[-1].position:
                after = 0
            return [(str(row.position), _notification(row)) for row in rows if row.position > after]

    async def next(self, position: str) -> Sequence[tuple[str, Notification]]:
        """As `since`, but waits until there is something; empty at the end of the feed."""
        while not (news := await run_in_threadpool(self.since, position)) and not self._ended.is_set():
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    await self._ended.wait()
            except TimeoutError:
                continue
        return news

    def end(self) -> None:
        """Let everybody who waits for more go."""
        self._ended.set()


def _notification(row: NotificationRow) -> Notification:
    return Notification.model_validate(row, from_attributes=True)
