"""Runs a function in a transaction of the app's engine, without blocking the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from outboard.errors import OutboardError, OutboxUnavailable
from outboard.kit.outbox.sql.durability import READ_ONLY

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import (
        AsyncEngine,  # importing it needs greenlet, which an Engine does without
    )

__all__ = ["AnyEngine", "EngineSource", "LazyEngine", "location_of", "reason_of"]

T = TypeVar("T")

AnyEngine: TypeAlias = "Engine | AsyncEngine"
EngineSource: TypeAlias = "AnyEngine | Callable[[], AnyEngine]"
SECRETS = ("password", "sslpassword")
NOTHING: Mapping[str, str] = {}
MISSING_TABLE = ("no such table", "no such column", "has no column", "does not exist")


class LazyEngine:
    """`engine` may be a function that gives one, which is called at the first use.

    `owner` is what makes the tables in it, and `unavailable` what is raised where it cannot be used.
    """

    def __init__(
        self,
        engine: EngineSource,
        owner: str = "outbox",
        unavailable: Callable[[str, str], OutboardError] = OutboxUnavailable,
    ) -> None:
        self._source = engine
        self._owner = owner
        self._unavailable = unavailable
        self._engine: AnyEngine | None = None
        self._told: Callable[[str], None] | None = None
        self.under_way = 0
        """How many operations have not ended yet."""

    @property
    def engine(self) -> AnyEngine:
        """The engine."""
        if self._engine is None:
            source = self._source
            self._engine = source() if callable(source) else source
            if self._told is not None:
                self._told(location_of(self._engine))
        return self._engine

    def when_known(self, told: Callable[[str], None]) -> None:
        """Call `told` with `location_of` the engine: now, or once the function that gives it was called."""
        if self._engine is None and callable(self._source):
            self._told = told
        else:
            told(location_of(self.engine))

    async def run(self, operation: str, do: Callable[[Connection], T], *, read_only: bool = False) -> T:
        """What `do` returns, once its transaction is committed. `operation` follows "could not".

        An `Engine` is used in a thread. What writes is ended first where it is cancelled, so that nothing is
        committed behind the back of whoever undoes it next. Raises OutboxUnavailable, or what stands for it.
        """
        if read_only:
            return await self._transaction(operation, do, READ_ONLY)
        return await _ended(self._transaction(operation, do, NOTHING))

    async def _transaction(
        self, operation: str, do: Callable[[Connection], T], options: Mapping[str, str]
    ) -> T:
        self.under_way += 1
        try:
            engine = self.engine
            if not isinstance(engine, Engine):
                async with engine.connect() as opened:
                    return await opened.run_sync(_within, do, options)
            return await asyncio.to_thread(_run, engine, do, options)
        except (SQLAlchemyError, OSError) as error:
            raise self._unavailable(operation, reason_of(error, self._owner)) from error
        finally:
            self.under_way -= 1


async def _ended(work: Coroutine[None, None, T]) -> T:
    """What `work` returns. It is not cancelled with its caller, who then waits for it in vain."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        task.exception()  # seen: the caller has no use for it any more
        raise
    return task.result()


def _run(engine: Engine, do: Callable[[Connection], T], options: Mapping[str, str]) -> T:
    with engine.connect() as connection:
        return _within(connection, do, options)


def _within(connection: Connection, do: Callable[[Connection], T], options: Mapping[str, str]) -> T:
    """In one go: each step that an asynchronous connection is asked for by itself has its own price."""
    connection.execution_options(**options)
    with connection.begin():
        return do(connection)


def location_of(engine: AnyEngine) -> str:
    """The URL of its database, with which another process finds it, too: without a password."""
    own = engine.url.difference_update_query(SECRETS)
    url = URL.create(own.drivername, own.username, None, own.host, own.port, own.database, own.query)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        url = url.set(database=str(Path(str(url.database)).absolute()))
    return url.render_as_string(hide_password=False)


def reason_of(error: BaseException, owner: str) -> str:
    """One line; without the statement and its parameters, which hold what people have written.

    `owner` is what the tables are of: "outbox".
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    line = (str(cause).strip().splitlines() or [""])[0][:300]
    advice = f". Make the tables with `{owner}.create_tables(engine)`, or with a migration"
    return f"{type(cause).__name__}: {line}" + (
        advice if any(words in line for words in MISSING_TABLE) else ""
    )
