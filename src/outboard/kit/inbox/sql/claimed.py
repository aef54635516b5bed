"""The transaction of one run of a handler, in which its events are claimed.

What a handler may do to it, and what follows:

    the handler     then the claim  and at the end
    flushes         stands          is committed with what the handler did
    commits         would outlive a failure of the rest: `commit` is refused in the handler
    rolls back      is gone         is made again, in the transaction that came after; where another one has
                                    applied an event meanwhile, nothing is committed
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table, event
from sqlalchemy.orm import Session, SessionTransaction

from outboard.errors import CommitInHandler
from outboard.kit.inbox.port import EventName
from outboard.kit.inbox.sql.table import claim, count_failure, expire, release

__all__ = ["ClaimedTransaction"]


class ClaimedTransaction:
    """On a `session`. All methods but the first do I/O."""

    def __init__(self, session: Session, table: Table, consumer: str) -> None:
        self._session = session
        self._table = table
        self._consumer = consumer
        self._is_ending = False
        self._is_lost = False
        event.listen(session, "before_commit", self._before_commit)
        event.listen(session, "after_soft_rollback", self._after_rollback)

    def claim(self, events: Sequence[EventName], now: int) -> list[bool]:
        """Of each event whether it is to be applied in this transaction."""
        return claim(self._session, self._table, self._consumer, events, now)

    def commit(self, applied: Sequence[EventName], others: Sequence[EventName], now: int) -> None:
        """Commit what the handler did with `applied`; `others`, which were claimed too, come again."""
        if self._is_lost and not all(self.claim(applied, now)):
            self._session.rollback()
            return
        if others and not self._is_lost:
            release(self._session, self._table, self._consumer, others)
        self._end()

    def count_failure(self, events: Sequence[EventName], now: int) -> int:
        """Roll back, and count an attempt of each event; the most that one of them has had."""
        self._session.rollback()
        attempts = count_failure(self._session, self._table, self._consumer, events, now)
        self._end()
        return attempts

    def expire(self, before: int) -> bool:
        """Roll back, and forget what was last seen before `before`, in part; whether there may be more."""
        self._session.rollback()
        more = expire(self._session, self._table, before)
        self._end()
        return more

    def _end(self) -> None:
        self._is_ending = True
        self._session.commit()

    def _before_commit(self, session: Session) -> None:
        """Savepoints are the handler's own."""
        if not self._is_ending and not session.in_nested_transaction():
            raise CommitInHandler(self._consumer)

    def _after_rollback(self, _: Session, ended: SessionTransaction) -> None:
        if ended.parent is None:
            self._is_lost = True
