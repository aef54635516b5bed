"""The session of a handler, from before its events are claimed until their effect is committed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection
from starlette.responses import Response

from outboard.errors import Drop, InboxUnavailable, SidecarUnavailable
from outboard.kit.inbox.claimed_events import ClaimedEvents
from outboard.kit.inbox.ending import RETURNED_RETRY, exhausted, raised, transaction_end
from outboard.kit.inbox.port import EventName, Owner
from outboard.kit.inbox.sql.claimed import ClaimedTransaction
from outboard.kit.inbox.sql.sessions import OpenSession, Sessions
from outboard.kit.outbox.sql.durability import check_durable
from outboard.kit.outbox.sql.engine import reason_of
from outboard.kit.subscriptions.endpoint import invocation_of
from outboard.wire.events import Event
from outboard.wire.replays import replay_id

__all__ = ["SessionDependency"]

log: Final = logging.getLogger("outboard.inbox")

EXPIRY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a handler on its way through its transaction."""

    opened: OpenSession
    transaction: ClaimedTransaction
    events: ClaimedEvents


class SessionDependency:
    """What `Depends(inbox.session)` leads to, for the board `owner`."""

    def __init__(
        self, sessions: Sessions, table: Table, owner: Owner, keep: timedelta, max_attempts: int | None
    ) -> None:
        self._owner = owner
        self._sessions = sessions
        self._table = table
        self._keep = int(keep.total_seconds() * 1000)
        self._max_attempts = max_attempts
        self._next_expiry = float("-inf")

    async def session(self, connection: HTTPConnection) -> AsyncIterator[object]:
        """A dependency of FastAPI's. Raises RuntimeError, InboxUnavailable, NotDurable."""
        invocation = invocation_of(connection, "the session of the inbox")
        invocation.guard("the session of an inbox", alone=False)
        consumer = self._owner.app_id + str(connection.scope["path"])
        async with self._sessions.open() as opened:
            transaction = ClaimedTransaction(opened.plain, self._table, consumer)
            given = invocation.given
            names = [_name(each) for each in (given if isinstance(given, Sequence) else [given])]
            events = ClaimedEvents(invocation, names, await self._claim(opened, transaction, names))
            run = _Run(opened, transaction, events)
            if not any(events.claimed):
                yield opened.given  # to a handler that does not run
                return
            try:
                yield opened.given
            except Drop:
                raise
            except Exception as error:
                await self._failed(run, _raised(error), error)
                raise
            await self._returned(run)
            await self._expire(run)

    async def _claim(
        self,
        opened: OpenSession,
        transaction: ClaimedTransaction,
        names: Sequence[EventName],
    ) -> list[bool]:
        now = self._now()

        def claim(session: Session) -> list[bool]:
            check_durable(session.connection())
            return transaction.claim(names, now)

        try:
            return await opened.do(claim, claims=True)
        except (SQLAlchemyError, OSError) as error:
            raise InboxUnavailable("claim an event", reason_of(error, "inbox")) from error

    async def _returned(self, run: _Run) -> None:
        """Commit what was handled; raises Exhausted where nothing was, and often enough."""
        events = run.events
        result = events.invocation.result
        status = result.status_code if isinstance(result, Response) else 200
        end = transaction_end(status, result, len(events.names), is_batch=events.is_batch)
        now = self._now()
        if end.commits:
            applied, others = events.divided(end.applied)
            await run.opened.do(lambda _: run.transaction.commit(applied, others, now))
        elif end.is_failure:
            await self._failed(run, RETURNED_RETRY)

    async def _failed(self, run: _Run, reason: str, error: Exception | None = None) -> None:
        """Count an attempt. Raises Exhausted for the last one: the event is a dead letter then.

        What is away comes back, and says nothing of the event: it counts no attempt.
        """
        if self._max_attempts is None or _is_outage(error):
            return
        names, now = run.events.to_apply, self._now()
        try:
            attempts = await run.opened.do(lambda _: run.transaction.count_failure(names, now))
        except (SQLAlchemyError, OSError) as failure:
            log.error("an attempt could not be counted: %s", reason_of(failure, "inbox"))  # noqa: TRY400
            return
        if attempts >= self._max_attempts:
            raise exhausted(reason, attempts, self._max_attempts, error) from error

    def _now(self) -> int:
        """In milliseconds since 1970."""
        return int(self._owner.clock.now().timestamp() * 1000)

    async def _expire(self, run: _Run) -> None:
        """Now and then, and little at once: it is done behind an event, before the sidecar is answered."""
        if self._owner.clock.monotonic() < self._next_expiry:
            return
        self._next_expiry = self._owner.clock.monotonic() + EXPIRY_SECONDS
        before = self._now() - self._keep
        try:
            if await run.opened.do(lambda _: run.transaction.expire(before)):
                self._next_expiry = float("-inf")
        except (SQLAlchemyError, OSError) as error:
            log.warning("old rows could not be deleted: %s", reason_of(error, "inbox"))


def _name(event: object) -> EventName:
    assert isinstance(event, Event)
    return EventName(event.source, event.id, replay_id(event.__pydantic_extra__))


def _raised(error: Exception) -> str:
    """What a dead letter says of it: of a database's without the statement and what stands in it."""
    return raised(error, str(error.orig if isinstance(error, DBAPIError) else error))


def _is_outage(error: Exception | None) -> bool:
    """Of the database or of the sidecar."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, SidecarUnavailable)
