"""The outbox of a board: its tables, and who publishes what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from outboard.clock import Clock, SystemClock
from outboard.errors import ExtraMissing, OutboxUnavailable
from outboard.hops.journal import Journal
from outboard.kit.arguments import check_count, check_instance, check_one_of, wrong
from outboard.kit.outbox.gauges import OutboxGauges
from outboard.kit.outbox.lease import new_token
from outboard.kit.outbox.port import OutboxHealth
from outboard.kit.outbox.relay import Relay
from outboard.kit.outbox.sender import Publish, SendContext
from outboard.kit.outbox.wakeups import Wakeups
from outboard.kit.telemetry.messaging import Messaging
from outboard.tasks import background_tasks
from outboard.wire.identity import new_id

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from sqlalchemy import Connection, Engine, MetaData

    from outboard.kit.outbox.failures import Redact
    from outboard.kit.outbox.port import OutboxStore, ParkedEvent, Staging
    from outboard.kit.outbox.sql.engine import EngineSource
    from outboard.kit.outbox.sql.listening import Heard

__all__ = ["Outbox"]

DEFAULT_PREFIX = "outboard_"
HEALTHY_AGE = timedelta(minutes=1)
Keep: TypeAlias = Literal["delete", "archive"]
"""What becomes of an event when it is published."""


class Outbox:
    """Where `topic.stage` puts events, and from where they are published: `Outboard(outbox=Outbox(engine))`.

    `engine` is an SQLAlchemy `Engine` or `AsyncEngine` for SQLite or PostgreSQL, or a function that gives
    one, called at the first use; the relay works with it. `metadata` is where the tables are declared:
    the app's own, so that its migrations know them, or a new one. Their names begin with `prefix`: services
    that share a database need different ones. They are in `schema`, or that of `metadata`. `redact` says what
    may be kept of a failure's message, and logged. With `max_waiting` or `max_age`, a flush that stages more
    while so many events wait, or the first has waited for so long, raises OutboxFull. What was
    published is deleted, or moved to another table with `keep="archive"`. Relays of other processes are told
    of each commit by PostgreSQL's NOTIFY, unless `notify` is False. Making one does no I/O.

    Raises ExtraMissing without SQLAlchemy (`pip install 'outboard[sql]'`).
    """

    def __init__(
        self,
        engine: EngineSource,
        *,
        metadata: MetaData | None = None,
        prefix: str = DEFAULT_PREFIX,
        schema: str | None = None,
        redact: Redact | None = None,
        max_waiting: int | None = None,
        max_age: timedelta | None = None,
        keep: Keep = "delete",
        notify: bool = True,
    ) -> None:
        try:
            import sqlalchemy
        except ImportError as error:
            raise ExtraMissing("the outbox", "SQLAlchemy", "sql") from error
        from outboard.kit.outbox.sql.clocks import database_clock
        from outboard.kit.outbox.sql.engine import LazyEngine
        from outboard.kit.outbox.sql.pressure import Pressure
        from outboard.kit.outbox.sql.staging import SqlStaging
        from outboard.kit.outbox.sql.store import SqlOutboxStore
        from outboard.kit.outbox.sql.tables import Tables
        from outboard.kit.outbox.sql.upgrading import upgrade_after_create

        if redact is not None and not callable(redact):
            wrong("redact", "a function from a text to one", redact)
        if max_waiting is not None:
            check_count("max_waiting", max_waiting)
        check_instance("max_age", max_age, timedelta, "a timedelta")
        check_instance("notify", notify, bool, "True or False")
        self.metadata = sqlalchemy.MetaData() if metadata is None else metadata
        check_one_of("keep", keep, get_args(Keep))
        self._tables = Tables.in_metadata(self.metadata, prefix, schema, archives=keep == "archive")
        self._redact = redact
        self._prefix = prefix
        upgrade_after_create(self._tables)
        self._wakeups = Wakeups()
        self._origin = new_id() if notify else None
        self._engine = LazyEngine(engine)
        self._clock = SystemClock()
        now = database_clock(self._clock)
        self._store: OutboxStore = SqlOutboxStore(self._tables, self._engine, now)
        pressure = Pressure(self._tables.outbox, max_waiting, max_age, self._clock.monotonic, now)
        self._staging: Staging = SqlStaging(self._tables, self._wakeups, pressure, self._origin, now)

    @staticmethod
    def make_durable(engine: Engine) -> None:
        """Give connections of an `engine` for SQLite the settings that the outbox asks for.

        WAL, `synchronous=FULL`, BEGIN IMMEDIATE and a busy timeout of 5 s; call it before the first use. A
        transaction that only reads may have `execution_options(outboard_begin="BEGIN")`. Of an `AsyncEngine`,
        give the `sync_engine`. Other databases are left as they are.
        """
        from outboard.kit.outbox.sql.durability import make_durable

        make_durable(engine)

    def create_tables(self, connectable: Engine | Connection) -> None:
        """Make the tables where they are missing, and bring those of an earlier version up to date.

        `metadata.create_all` does the same. With an `AsyncEngine`:
        `await connection.run_sync(outbox.create_tables)`.
        """
        self.metadata.create_all(connectable, tables=self._tables.all)

    async def waiting(self) -> int:
        """How many events are still to be published, now or later; those that are parked are left out.

        Raises OutboxUnavailable, as the next three.
        """
        return await self._store.waiting()

    async def parked(self, limit: int = 100) -> Sequence[ParkedEvent]:
        """Events that were refused as such, the oldest first: each with the reason, in `error`."""
        return await self._store.parked(limit)

    async def health(
        self, *, max_age: timedelta = HEALTHY_AGE, max_parked: int | None = None
    ) -> OutboxHealth:
        """Whether all is well, for a health endpoint of the app's: it raises nothing.

        It is not where the first event that is due has waited longer than `max_age` (a timedelta), more than
        `max_parked` are parked, or the database does not answer. Do not let the start of an app depend on it:
        what waits is published only by an app that runs.
        """
        try:
            depth = await self._store.depth()
        except OutboxUnavailable as error:
            return OutboxHealth(ok=False, reason=str(error))
        reason = ""
        if depth.oldest_age > max_age.total_seconds():
            reason = f"the first of {depth.waiting} events has waited for {depth.oldest_age:.0f} s"
        elif max_parked is not None and depth.parked > max_parked:
            reason = f"{depth.parked} events are parked"
        return OutboxHealth(not reason, reason, *depth)

    async def retry(self, events: Iterable[ParkedEvent]) -> int:
        """Have parked events published after all; how many of them were there.

        They come after what was published of their keys meanwhile.
        """
        count = await self._store.retry([event.sequence for event in events])
        self._wakeups.give()
        return count

    async def drop(self, events: Iterable[ParkedEvent]) -> int:
        """Delete parked events for good; how many of them were there."""
        count = await self._store.drop([event.sequence for event in events])
        self._wakeups.give()
        return count

    async def clear_archive(self, older_than: timedelta) -> int:
        """Delete what was published so long ago from the archive, 1,000 events at most; how many.

        Raises OutboxUnavailable; TypeError for what is no timedelta.
        """
        given: object = older_than
        if not isinstance(given, timedelta):
            wrong("older_than", "a timedelta", older_than)
        return await self._store.clear_archive(older_than.total_seconds())

    def when_known(self, told: Callable[[str, str], None]) -> None:
        """Call `told` with the URL of its database, without a password, and its prefix, once known."""
        self._engine.when_known(lambda url: told(url, self._prefix))

    @property
    def store(self) -> OutboxStore:
        """What the relay and those who look ask."""
        return self._store

    @property
    def staging(self) -> Staging:
        """What puts events into transactions."""
        return self._staging

    @property
    def under_way(self) -> int:
        """How many operations of the relay, or of who looks, the database has not answered yet."""
        return self._engine.under_way

    @contextmanager
    def timed_by(self, clock: Clock) -> Iterator[None]:
        """`clock` stands in for the database's while the block runs: what is due, or over, is so by it."""
        with self._clock.replaced_by(clock):
            self._wakeups.give()
            yield

    @asynccontextmanager
    async def relaying(
        self,
        publish: Publish,
        clock: Clock,
        timeout: float,
        random: Callable[[], float],
        journal: Journal | None = None,
        telemetry: Messaging | None = None,
    ) -> AsyncIterator[None]:
        """Publish what is stored, while the block runs; each publish takes at most `timeout` seconds.

        `random` gives numbers in [0, 1). What becomes of each event is recorded in `journal`, and how
        much there is told to `telemetry`.
        """
        from outboard.kit.outbox.sql.listening import NotifyListener

        context = SendContext(publish, clock, random, timeout, journal, self._redact)
        gauges = None if telemetry is None else OutboxGauges(self._store, telemetry, clock)
        relay = Relay(new_token(), self._store, context, gauges)
        loop = asyncio.get_running_loop()

        def wake(scheduled: bool) -> None:
            loop.call_soon_threadsafe(relay.wake, scheduled)

        def heard(found: Heard) -> None:
            if found.origin != self._origin:  # what this process has committed it knows
                relay.wake(found.scheduled, found.partitions)

        tasks: list[Coroutine[None, None, object]] = [relay.run()]
        if self._origin is not None:
            tasks.append(NotifyListener(self._engine, self._tables.outbox, clock).run(heard))
        with self._wakeups.to(wake):
            async with background_tasks(*tasks):
                yield
