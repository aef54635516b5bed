"""The inbox of a board: the session of a handler, in whose transaction its event is claimed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from outboard.errors import ExtraMissing
from outboard.kit.arguments import check_count, wrong
from outboard.kit.inbox.port import Owner

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData
    from starlette.requests import HTTPConnection

    from outboard.kit.inbox.sql.sessions import SessionSource

__all__ = ["DEFAULT_KEEP", "DEFAULT_PREFIX", "Inbox"]

DEFAULT_PREFIX: Final = "outboard_"
DEFAULT_KEEP: Final = timedelta(days=8)


class Inbox:
    """Lets each event take effect once: `inbox = board.inbox(engine)`, and `Depends(inbox.session)`.

    `engine` is an SQLAlchemy `Engine` or `AsyncEngine` for SQLite or PostgreSQL, or a `sessionmaker` or
    `async_sessionmaker` of one. `metadata` is where the table is declared: the app's own, so that its
    migrations know it, or a new one. Its name begins with `prefix`, and it is in `schema`,
    or that of `metadata`. What was applied is remembered for
    `keep`, which has to be longer than an event may be delivered again: the retention of its topic, and the
    time in which dead letters are replayed. After `max_attempts` failures an event goes to the dead letter
    topic; None lets it come again for ever. Making one does no I/O.

    Raises ExtraMissing without SQLAlchemy (`pip install 'outboard[sql]'`).
    """

    def __init__(
        self,
        engine: SessionSource,
        owner: Owner,
        *,
        metadata: MetaData | None,
        prefix: str,
        schema: str | None,
        keep: timedelta,
        max_attempts: int | None,
    ) -> None:
        try:
            import sqlalchemy
        except ImportError as error:
            raise ExtraMissing("the inbox", "SQLAlchemy", "sql") from error
        from outboard.kit.inbox.sql.delivery import SessionDependency
        from outboard.kit.inbox.sql.sessions import Sessions
        from outboard.kit.inbox.sql.table import inbox_table

        given: object = keep
        if not isinstance(given, timedelta) or given <= timedelta(0):
            wrong("keep", "a timedelta above zero", keep)
        of_prefix: object = prefix
        if not isinstance(of_prefix, str):
            wrong("prefix", "a text", prefix)
        of_metadata: object = metadata
        if not isinstance(of_metadata, sqlalchemy.MetaData | None):
            wrong("metadata", "the MetaData of SQLAlchemy", metadata)
        if max_attempts is not None:
            check_count("max_attempts", max_attempts)
        self.metadata = sqlalchemy.MetaData() if metadata is None else metadata
        self._table = inbox_table(self.metadata, f"{prefix}inbox", schema)
        self._dependency = SessionDependency(Sessions(engine), self._table, owner, keep, max_attempts)

    @property
    def session(self) -> Callable[[HTTPConnection], AsyncIterator[object]]:
        """For `db: Annotated[AsyncSession, Depends(inbox.session)]` in a handler, or a `Session`.

        The event is claimed before the handler gets it, in the same transaction, which is committed when the
        handler has ended well, before the sidecar is answered: so the handler does not commit. A handler does
        not run for an event that was applied before; in a batch it gets the others. Of a handler that raises,
        or returns RETRY or DROP, everything is rolled back. Raises RuntimeError outside of a handler.
        """
        return self._dependency.session

    def create_tables(self, connectable: Engine | Connection) -> None:
        """Make the table where it is missing, as `metadata.create_all` does.

        With an `AsyncEngine`: `await connection.run_sync(inbox.create_tables)`.
        """
        self.metadata.create_all(connectable, tables=[self._table])
