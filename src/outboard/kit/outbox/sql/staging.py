"""Puts events into transactions: as objects of the session, so that they share the fate of the others in it.

What SQLAlchemy does with a pending object is what has to happen to an event: it is inserted before the
commit, goes with its savepoint, and makes the commit fail where it cannot be inserted.

Of that only the pending is left to SQLAlchemy. When a flush begins, all events that are pending are inserted
by one statement, and are objects of the session no more: its unit of work would take three times as long.
What somebody stages later than that, while the flush has begun, is inserted as any other object is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Table, bindparam, delete, event, insert, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import PendingRollbackError
from sqlalchemy.orm import Mapper, Session, object_session, registry

from outboard.errors import InvalidCloudEvent
from outboard.kit.arguments import wrong
from outboard.kit.client.port import Publication
from outboard.kit.outbox.partitions import lane_of, partition_of
from outboard.kit.outbox.port import Cancelled, SupportsAdd
from outboard.kit.outbox.schedule import AT_ONCE, Schedule
from outboard.kit.outbox.sql.clocks import database_now
from outboard.kit.outbox.sql.durability import check_dialect, check_sqlite, check_synchronous_commit
from outboard.kit.outbox.sql.listening import channel_of, payload_of
from outboard.kit.outbox.sql.pressure import Pressure
from outboard.kit.outbox.sql.tables import Tables
from outboard.kit.outbox.wakeups import Wakeups
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["SqlStaging", "milliseconds"]

MAX_ID: Final = 1_024
"""What an index of PostgreSQL can hold, with names beside it: tables of earlier versions have one."""

# The subquery is evaluated once, and its rows in the order of the array.
LOCKED: Final = (
    "SELECT current_setting('synchronous_commit'),"
    " (SELECT count(pg_advisory_xact_lock(lane)) FROM unnest(:lanes) AS lane)"
)
LANES: Final = bindparam("lanes", type_=ARRAY(BigInteger))
LOCK: Final = text(LOCKED).bindparams(LANES)
LOCK_AND_TELL: Final = text(f"{LOCKED}, pg_notify(:channel, :payload)").bindparams(LANES)
"""Whoever listens is told at the commit; in one question, since each of them takes time."""


FAILED: Final = "failed"


class _Row:
    """An event as a pending object: its `values` by column. It has none as attributes, since each is a step.

    `is_guarded` once its lane is locked.
    """

    is_guarded = False

    def __init__(
        self, values: dict[str, Any], schedule: Schedule, on_duplicate: Callable[[], object] | None
    ) -> None:
        self.values = values
        self.schedule = schedule
        self.on_duplicate = on_duplicate

    @property
    def unique(self) -> tuple[str, str, str | None]:
        """No other row waits with the same, where it has a dedupe key."""
        return self.values["pubsub"], self.values["topic"], self.values["dedupe_key"]


class SqlStaging:
    """Writes to one outbox's table, unless `pressure` refuses it.

    `wakeups` is told after each commit of a session that staged events, and, if there is an `origin`, those
    who listen at PostgreSQL, in its name. `now` is the database's clock.
    """

    def __init__(
        self,
        tables: Tables,
        wakeups: Wakeups,
        pressure: Pressure | None = None,
        origin: str | None = None,
        now: Callable[[Connection], int] = database_now,
    ) -> None:
        self._outbox = tables.outbox
        self._wakeups = wakeups
        self._pressure = pressure
        self._origin = origin
        self._now = now
        self._row: type[_Row] = type("StagedEvent", (_Row,), {})
        self._mapper = registry(metadata=tables.outbox.metadata).map_imperatively(
            self._row, tables.outbox, eager_defaults=False
        )
        event.listen(self._row, "before_insert", self._before_insert)
        self._insert = insert(tables.outbox).inline()

    def stage(
        self,
        session: SupportsAdd,
        publication: Publication,
        event_id: str,
        now: datetime,
        *,
        hold: bool,
        schedule: Schedule = AT_ONCE,
        on_duplicate: Callable[[], object] | None = None,
    ) -> None:
        """As `Staging.stage`. No I/O before the session is flushed. Raises InvalidCloudEvent."""
        if len(event_id) > MAX_ID:
            raise InvalidCloudEvent("id", f"has more than the {MAX_ID} characters that the outbox takes")
        pubsub, topic, body, metadata, headers, traceid, *_ = publication
        key = metadata.get(PARTITION_KEY) or None
        lane = lane_of(pubsub, topic, key, event_id)
        details = {"metadata": dict(metadata), "headers": dict(headers), "traceid": traceid}
        values = {
            "event_id": event_id,
            "pubsub": pubsub,
            "topic": topic,
            "key": key,
            "lane": lane,
            "partition": partition_of(lane),
            "body": body,
            "details": json.dumps(details),
            "hold": hold,
            "staged_at": milliseconds(now),
            "available_at": 0,
            "attempts": 0,
            "due_at": 0,
            "expires_at": None,
            "dedupe_key": schedule.dedupe_key,
        }
        row = self._row(values, schedule, on_duplicate)
        session.add(row)
        self._listen(_session_of(row), "before_flush", self._before_flush)

    def cancel(self, session: SupportsAdd, pubsub: str, topic: str, dedupe_key: str) -> Sequence[Cancelled]:
        """As `Staging.cancel`; what is not flushed yet counts, too."""
        if callable(session):
            session = session()  # a scoped one
        if not isinstance(session, Session):
            wrong("session", "a Session of SQLAlchemy", session)
        wanted, gone = (pubsub, topic, dedupe_key), []
        for row in self._pending(session):
            if row.unique == wanted:
                session.expunge(row)
                gone.append(Cancelled(row.values["event_id"], row.values["key"]))
        row_of = self._outbox.c
        waiting = delete(self._outbox).where(
            row_of.pubsub == pubsub, row_of.topic == topic, row_of.dedupe_key == dedupe_key
        )
        found = self._connection(session).execute(waiting.returning(row_of.event_id, row_of.key))
        return [*gone, *(Cancelled(each.event_id, each.key) for each in found)]

    def _before_flush(self, session: Session, *_: object) -> None:
        """Insert what is pending, but let go of what another one stands for.

        As with any flush that has failed, a next one can only follow a rollback: nobody knows what is left.
        """
        if not (rows := self._pending(session)):
            return
        if (self, FAILED) in session.info:
            raise PendingRollbackError(
                "Events could not be stored in this transaction: to begin a new one with this session, "
                "first call Session.rollback()"
            )
        try:
            self._write(session, rows)
        except BaseException:
            session.info[self, FAILED] = True
            self._listen(session, "after_soft_rollback", self._after_rollback)
            raise

    def _write(self, session: Session, rows: Sequence[_Row]) -> None:
        connection = self._connection(session)
        self._guard(connection, session, rows)
        if any(row.values["dedupe_key"] is not None for row in rows):
            rows = self._without_duplicates(connection, session, rows)
        if rows:
            connection.execute(self._insert, [row.values for row in rows])
        for row in rows:
            session.expunge(row)

    def _without_duplicates(
        self, connection: Connection, session: Session, rows: Sequence[_Row]
    ) -> Sequence[_Row]:
        seen: set[tuple[str, str, str | None]] = set()
        left: list[_Row] = []
        for row in rows:
            if row.values["dedupe_key"] is None:
                left.append(row)
                continue
            if row.unique in seen or _is_waiting(connection, self._outbox, row):
                session.expunge(row)
                if row.on_duplicate is not None:
                    row.on_duplicate()
            else:
                left.append(row)
            seen.add(row.unique)
        return left

    def _before_insert(self, _: Mapper[_Row], connection: Connection, row: _Row) -> None:
        """Of what was staged behind `_before_flush`, before it is inserted; once for all of a flush."""
        if not row.is_guarded:
            session = _session_of(row)
            self._guard(connection, session, [each for each in self._pending(session) if not each.is_guarded])
        for name, value in row.values.items():
            setattr(row, name, value)

    def _guard(self, connection: Connection, session: Session, rows: Sequence[_Row]) -> None:
        """See to it that these `rows` of a `session` may be inserted."""
        if self._pressure is not None:
            self._pressure.check(connection)
        locks: set[int] = set()
        relative = scheduled = False
        for row in rows:
            values = row.values
            if values["key"] is not None:
                locks.add(values["lane"])
            if row.schedule != AT_ONCE:
                scheduled = True
                relative = relative or row.schedule.is_relative
                if (dedupe_key := values["dedupe_key"]) is not None:
                    locks.add(lane_of(values["pubsub"], values["topic"], dedupe_key, ""))
        told = None
        if self._origin is not None:
            payload = payload_of([row.values["partition"] for row in rows], self._origin, scheduled=scheduled)
            told = {"channel": channel_of(self._outbox), "payload": payload}
        _guard(connection, locks, told)
        now = self._now(connection) if relative else 0
        for row in rows:
            row.values["due_at"] = row.schedule.due_at(now)
            row.values["expires_at"] = row.schedule.expires_at(now)
            row.is_guarded = True
        if scheduled:
            self._listen(session, "after_commit", self._after_scheduling)
        else:
            self._listen(session, "after_commit", self._after_commit)

    def _pending(self, session: Session) -> list[_Row]:
        return [row for row in session.new if isinstance(row, self._row)]

    def _connection(self, session: Session) -> Connection:
        return session.connection(bind_arguments={"mapper": self._mapper})

    def _listen(self, session: Session, name: str, listener: Callable[..., None]) -> None:
        if (self, listener.__name__) not in session.info:
            session.info[self, listener.__name__] = True
            event.listen(session, name, listener)

    def _after_rollback(self, session: Session, _: object) -> None:
        session.info.pop((self, FAILED), None)

    def _after_commit(self, _: Session) -> None:
        self._wakeups.give()

    def _after_scheduling(self, _: Session) -> None:
        self._wakeups.give(scheduled=True)


def _session_of(row: _Row) -> Session:
    session = object_session(row)
    assert session is not None, "SQLAlchemy inserts only objects of a session"
    return session


def _is_waiting(connection: Connection, outbox: Table, row: _Row) -> bool:
    """Whether another event stands for `row`.

    That one is kept from being taken before this transaction ends: what is committed with `row` would come
    too late for whoever is told of the other one.
    """
    pubsub, topic, dedupe_key = row.unique
    same = (outbox.c.pubsub == pubsub, outbox.c.topic == topic, outbox.c.dedupe_key == dedupe_key)
    kept = update(outbox).where(*same).values(dedupe_key=outbox.c.dedupe_key)
    return connection.execute(kept).rowcount > 0


def milliseconds(time: datetime) -> int:
    """Since 1970, in UTC."""
    return int(time.timestamp() * 1000)


def _guard(connection: Connection, lanes: Collection[int], told: Mapping[str, str] | None) -> None:
    """See to it that events of each lane get their numbers in the order of their commits.

    PostgreSQL: whoever has a lane's lock keeps it to the end of the transaction; sorted, so that two
    transactions do not wait for each other. SQLite has one writer at a time anyway.
    """
    check_dialect(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        check_sqlite(connection)
    else:
        statement = LOCK if told is None else LOCK_AND_TELL
        answer = connection.execute(statement, {"lanes": sorted(lanes), **(told or {})}).one()
        check_synchronous_commit(str(answer[0]))
