"""The dead letters of a board: its table, its subscriptions, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

from outboard.clock import Clock
from outboard.errors import DeadLettersUnavailable, ExtraMissing
from outboard.kit.arguments import wrong
from outboard.kit.deadletters.collecting import Collector, Retention
from outboard.kit.deadletters.letters import Letters
from outboard.kit.deadletters.parked import ParkedLetters
from outboard.kit.deadletters.reading import ModelOf
from outboard.kit.deadletters.replay import Publishing
from outboard.kit.deadletters.router import letters_router
from outboard.kit.names import check_name
from outboard.kit.outbox.port import OutboxStore
from outboard.kit.subscriptions.registry import Registry

if TYPE_CHECKING:
    from fastapi import APIRouter
    from sqlalchemy import Connection, Engine

    from outboard.kit.deadletters.sql.table import TableMetadata
    from outboard.kit.outbox.sql.engine import EngineSource

__all__ = ["DEFAULT_KEEP", "DEFAULT_PREFIX", "CollectOptions", "DeadLetters", "LettersOwner"]

DEFAULT_PREFIX: Final = "outboard_"
DEFAULT_KEEP: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LettersOwner:
    """The board whose dead letters are collected. `outbox` is None where it has none."""

    app_id: str
    pubsub: str
    clock: Clock
    registry: Registry
    model_of: ModelOf
    publishing: Publishing
    outbox: OutboxStore | None


class CollectOptions(TypedDict, total=False):
    """The parameters of `board.dead_letters`, explained by `DeadLetters`."""

    topics: Iterable[str]
    metadata: TableMetadata | None
    prefix: str
    schema: str | None
    keep: timedelta
    expire: timedelta | None


class DeadLetters(Letters):
    """Collects the dead letters of an app: `letters = board.dead_letters(engine)`.

    `engine` is an SQLAlchemy `Engine` or `AsyncEngine` for SQLite or PostgreSQL, or a function that gives
    one. The app is subscribed to the dead letter topic of each of its handlers, and to `topics` of the
    board's component. `metadata` is where the table is declared: the app's own, so that its migrations know
    it, or a new one. Its name begins with `prefix`, and it is in `schema`, or that of `metadata`. What was
    replayed or dropped is kept for `keep`; what waits is deleted after `expire`, or never if that is None.
    Making one does no I/O.

    Raises ExtraMissing without SQLAlchemy (`pip install 'outboard[sql]'`), InvalidName.
    """

    def __init__(
        self,
        engine: EngineSource,
        owner: LettersOwner,
        place: str,
        *,
        topics: Iterable[str] = (),
        metadata: TableMetadata | None = None,
        prefix: str = DEFAULT_PREFIX,
        schema: str | None = None,
        keep: timedelta = DEFAULT_KEEP,
        expire: timedelta | None = None,
    ) -> None:
        try:
            import sqlalchemy
        except ImportError as error:
            raise ExtraMissing("the table of dead letters", "SQLAlchemy", "sql") from error
        from outboard.kit.deadletters.sql.store import SqlLetterStore
        from outboard.kit.deadletters.sql.table import letters_table
        from outboard.kit.outbox.sql.clocks import database_clock
        from outboard.kit.outbox.sql.engine import LazyEngine

        _check_time("keep", keep)
        if expire is not None:
            _check_time("expire", expire)
        self.metadata = sqlalchemy.MetaData() if metadata is None else metadata
        self._table = letters_table(self.metadata, f"{prefix}dead_letters", schema)
        letters = LazyEngine(engine, "letters", DeadLettersUnavailable)
        self._engine, self._prefix = letters, prefix
        store = SqlLetterStore(self._table, letters, database_clock(owner.clock))
        parked = None if owner.outbox is None else ParkedLetters(owner.outbox, owner.app_id)
        super().__init__(store, parked, owner.publishing, owner.model_of)
        self._retention = Retention(store, owner.clock, keep, expire)
        collector = Collector(store, self._retention, owner.model_of, owner.registry.add, place)
        collector.collect(owner.pubsub, [check_name("dead letter topic", topic) for topic in _texts(topics)])
        owner.registry.watch(collector.collect_of)

    def create_tables(self, connectable: Engine | Connection) -> None:
        """Make the table where it is missing, as `metadata.create_all` does.

        With an `AsyncEngine`: `await connection.run_sync(letters.create_tables)`.
        """
        self.metadata.create_all(connectable, tables=[self._table])

    def when_known(self, told: Callable[[str, str], None]) -> None:
        """Call `told` with the URL of its database, without a password, and its prefix, once known."""
        self._engine.when_known(lambda url: told(url, self._prefix))

    async def expire(self) -> int:
        """Delete what is old, 2,000 letters at most; how many. It is done by and by as letters come, too."""
        return await self._retention.delete()

    def router(self, dependencies: Sequence[Any]) -> APIRouter:
        """The same over HTTP, for an app to include: `app.include_router(letters.router([Depends(admin)]))`.

        `dependencies` are those that let in whoever may see and replay the letters: they cannot be left out.
        """
        return letters_router(self, dependencies)


def _check_time(name: str, given: object) -> None:
    if not isinstance(given, timedelta) or given <= timedelta(0):
        wrong(name, "a timedelta above zero", given)


def _texts(topics: object) -> Iterable[str]:
    if isinstance(topics, str) or not isinstance(topics, Iterable):
        wrong("topics", "a list of texts", topics)
    return topics
