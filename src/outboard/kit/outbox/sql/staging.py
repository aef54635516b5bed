"""Puts events into transactions: as objects of the session, so that they share the fate of the others in it.

What SQLAlchemy does with a pending object is what has to happen to an event: it is inserted before the
commit, goes with its savepoint, and makes the commit fail where it cannot be inserted.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, event, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapper, Session, object_session, registry

from outboard.errors import InvalidCloudEvent
from outboard.kit.client.port import Publication
from outboard.kit.outbox.partitions import lane_of, partition_of
from outboard.kit.outbox.port import SupportsAdd
from outboard.kit.outbox.sql.durability import check_dialect, check_sqlite, check_synchronous_commit
from outboard.kit.outbox.sql.pressure import Pressure
from outboard.kit.outbox.sql.tables import Tables
from outboard.kit.outbox.wakeups import Wakeups
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["SqlStaging", "milliseconds"]

MAX_ID: Final = 1_024
"""What an index of PostgreSQL can hold, with names beside it: tables of earlier versions have one."""

# The subquery is evaluated once, and its rows in the order of the array.
LOCK: Final = text(
    "SELECT current_setting('synchronous_commit'),"
    " (SELECT count(pg_advisory_xact_lock(lane)) FROM unnest(:lanes) AS lane)"
).bindparams(bindparam("lanes", type_=ARRAY(BigInteger)))


class _Row:
    """An event as a pending object; `is_guarded` once its lane is locked."""

    lane: int
    key: str | None
    is_guarded = False

    def __init__(self, **columns: object) -> None:
        for name, value in columns.items():
            setattr(self, name, value)


class SqlStaging:
    """Writes to one outbox's table, unless `pressure` refuses it.

    `wakeups` is told after each commit of a session that staged events.
    """

    def __init__(self, tables: Tables, wakeups: Wakeups, pressure: Pressure | None = None) -> None:
        self._wakeups = wakeups
        self._pressure = pressure
        self._row: type[_Row] = type("StagedEvent", (_Row,), {})
        registry(metadata=tables.outbox.metadata).map_imperatively(
            self._row, tables.outbox, eager_defaults=False
        )
        event.listen(self._row, "before_insert", self._before_insert)

    def stage(
        self, session: SupportsAdd, publication: Publication, event_id: str, now: datetime, *, hold: bool
    ) -> None:
        """As `Staging.stage`. No I/O before the session is flushed. Raises InvalidCloudEvent."""
        if len(event_id) > MAX_ID:
            raise InvalidCloudEvent("id", f"has more than the {MAX_ID} characters that the outbox takes")
        pubsub, topic, body, metadata, headers, traceid, *_ = publication
        key = metadata.get(PARTITION_KEY) or None
        lane = lane_of(pubsub, topic, key, event_id)
        details = {"metadata": dict(metadata), "headers": dict(headers), "traceid": traceid}
        session.add(
            self._row(
                event_id=event_id,
                pubsub=pubsub,
                topic=topic,
                key=key,
                lane=lane,
                partition=partition_of(lane),
                body=body,
                details=json.dumps(details),
                hold=hold,
                staged_at=milliseconds(now),
                available_at=0,
                attempts=0,
            )
        )

    def _before_insert(self, mapper: Mapper[_Row], connection: Connection, row: _Row) -> None:
        """Once for all events of a flush, before the first of them is inserted."""
        if row.is_guarded:
            return
        session = object_session(row)
        assert session is not None, "SQLAlchemy inserts only objects of a session"
        if self._pressure is not None:
            self._pressure.check(connection)
        rows = [item for item in session.new if isinstance(item, self._row)]
        _guard(connection, {item.lane for item in rows if item.key is not None})
        for item in rows:
            item.is_guarded = True
        if self not in session.info:
            session.info[self] = True
            event.listen(session, "after_commit", self._after_commit)

    def _after_commit(self, _: Session) -> None:
        self._wakeups.give()


def milliseconds(time: datetime) -> int:
    """Since 1970, in UTC."""
    return int(time.timestamp() * 1000)


def _guard(connection: Connection, lanes: Collection[int]) -> None:
    """See to it that events of each lane get their numbers in the order of their commits.

    PostgreSQL: whoever has a lane's lock keeps it to the end of the transaction; sorted, so that two
    transactions do not wait for each other. SQLite has one writer at a time anyway.
    """
    check_dialect(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        check_sqlite(connection)
    else:
        check_synchronous_commit(str(connection.execute(LOCK, {"lanes": sorted(lanes)}).scalar_one()))
