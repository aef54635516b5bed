"""A service that applies events to a ledger through an inbox, on either kind of engine."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from outboard import DeliveryStatus, Event, Outboard
from outboard.kit.outbox.sql.durability import make_durable

__all__ = ["Ledger", "LedgerEntry", "engines_of"]


class LedgerEntry(BaseModel):
    """The data of an event."""

    id: int


def engines_of(url: str, driver: str) -> tuple[Engine, AsyncEngine]:
    """Two engines of one database: `url` is for the first, with `driver` for the second."""
    plain = create_engine(url, pool_size=20)
    asynchronous = create_async_engine(url.replace(url.partition(":")[0], driver, 1), pool_size=20)
    make_durable(plain)
    make_durable(asynchronous.sync_engine)
    return plain, asynchronous


class Ledger:
    """A row for each time that an event was applied. `fails` and `returns` say what becomes of which."""

    def __init__(self, engine: Engine | AsyncEngine, board: Callable[..., Outboard], **options: Any) -> None:
        metadata = MetaData()
        self.entries = Table(
            "ledger", metadata, Column("row", Integer, primary_key=True), Column("id", Integer)
        )
        self.board = board()
        self.inbox = self.board.inbox(engine, metadata=metadata, **options)
        self.app = FastAPI(lifespan=self.board.lifespan)
        self.board.mount(self.app)
        self.metadata = metadata
        self.fails: dict[int, Exception] = {}
        self.returns: dict[int, DeliveryStatus] = {}
        self.does: Callable[[Session, int], None] = lambda session, number: None
        self.given: list[list[int]] = []
        self.is_asynchronous = isinstance(engine, AsyncEngine)
        self._declare()

    def _declare(self) -> None:
        inbox = self.inbox
        topic = self.board.topic("tasks", LedgerEntry)
        if self.is_asynchronous:

            async def later(
                event: Event[LedgerEntry], db: Annotated[AsyncSession, Depends(inbox.session)]
            ) -> DeliveryStatus | None:
                return await db.run_sync(self._apply, event.data.id)

            async def many(
                events: Sequence[Event[LedgerEntry]], db: Annotated[AsyncSession, Depends(inbox.session)]
            ) -> list[DeliveryStatus] | None:
                return await db.run_sync(self._apply_all, [event.data.id for event in events])

            topic.subscribe("/on")(later)
            self.board.topic("batches", LedgerEntry).subscribe_batch("/many")(many)
        else:

            def at_once(
                event: Event[LedgerEntry], db: Annotated[Session, Depends(inbox.session)]
            ) -> DeliveryStatus | None:
                return self._apply(db, event.data.id)

            def all_at_once(
                events: Sequence[Event[LedgerEntry]], db: Annotated[Session, Depends(inbox.session)]
            ) -> list[DeliveryStatus] | None:
                return self._apply_all(db, [event.data.id for event in events])

            topic.subscribe("/on")(at_once)
            self.board.topic("batches", LedgerEntry).subscribe_batch("/many")(all_at_once)

    def _apply(self, session: Session, number: int) -> DeliveryStatus | None:
        self.given.append([number])
        session.execute(insert(self.entries).values(id=number))
        self.does(session, number)
        if number in self.fails:
            raise self.fails[number]
        return self.returns.get(number)

    def _apply_all(self, session: Session, numbers: list[int]) -> list[DeliveryStatus] | None:
        self.given.append(numbers)
        for number in numbers:
            if number in self.fails:
                raise self.fails[number]
            if self.returns.get(number, DeliveryStatus.SUCCESS) is DeliveryStatus.SUCCESS:
                session.execute(insert(self.entries).values(id=number))
        if not self.returns:
            return None
        return [self.returns.get(number, DeliveryStatus.SUCCESS) for number in numbers]

    def applied(self, engine: Engine) -> dict[int, int]:
        """How often each event was applied."""
        count = select(self.entries.c.id, func.count()).group_by(self.entries.c.id)
        with engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(count)}
