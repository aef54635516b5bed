"""A connection that listens, with each of the drivers for PostgreSQL that SQLAlchemy has and that can."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from sqlalchemy import Engine

from outboard.kit.outbox.sql.engine import AnyEngine

__all__ = ["listening"]

DRIVERS: Final = frozenset({"psycopg", "psycopg_async", "psycopg2", "asyncpg"})


@asynccontextmanager
async def listening(
    engine: AnyEngine, channel: str, heard: Callable[[str], None], ended: Callable[[], None]
) -> AsyncIterator[bool]:
    """Call `heard` with each payload while the block runs, and `ended` if the connection breaks.

    Whether that can be. The connection is one of the engine's making, beside those of its pool. Raises
    SQLAlchemyError, or what the driver raises.
    """
    if engine.dialect.name != "postgresql" or engine.dialect.driver not in DRIVERS:
        yield False
        return
    connection, close = await _opened(engine)
    try:
        if engine.dialect.driver == "asyncpg":
            await connection.add_listener(channel, lambda _, __, ___, payload: heard(payload))
            connection.add_termination_listener(lambda _: ended())
            yield True
        else:
            await _listen(connection, channel)
            with _watched(connection, heard, ended) as does:
                yield does
    finally:
        await close()


async def _opened(engine: AnyEngine) -> tuple[Any, Callable[[], Any]]:
    """A connection as the driver has it, which is no pool's any more, and what closes it."""
    if not isinstance(engine, Engine):
        pooled = await engine.raw_connection()
        found: Any = pooled.driver_connection
        pooled.detach()
        return found, found.close

    def open_now() -> Any:
        made = engine.raw_connection()
        connection = made.driver_connection
        made.detach()
        return connection

    opened = await asyncio.to_thread(open_now)

    async def close() -> None:
        await asyncio.to_thread(opened.close)

    return opened, close


async def _listen(connection: Any, channel: str) -> None:
    """psycopg, synchronous or not, and psycopg2."""
    statement = f'LISTEN "{channel}"'
    if inspect.iscoroutinefunction(connection.close):
        await connection.set_autocommit(True)
        await connection.execute(statement)
        return

    def listen() -> None:
        connection.autocommit = True
        connection.cursor().execute(statement)

    await asyncio.to_thread(listen)


@contextmanager
def _watched(connection: Any, heard: Callable[[str], None], ended: Callable[[], None]) -> Iterator[bool]:
    """Read what comes whenever the socket has something; whether the event loop can tell."""
    loop, socket = asyncio.get_running_loop(), connection.fileno()

    def read() -> None:
        try:
            payloads = _payloads(connection)
        except Exception:  # of the driver's own kind: the server has gone, or closed it
            loop.remove_reader(socket)
            ended()
            return
        for payload in payloads:
            heard(payload)

    try:
        loop.add_reader(socket, read)
    except NotImplementedError:  # the usual loop on Windows
        yield False
        return
    try:
        yield True
    finally:
        loop.remove_reader(socket)


def _payloads(connection: Any) -> list[str]:
    """What has come, without waiting for more."""
    if not hasattr(connection, "pgconn"):  # psycopg2
        connection.poll()
        found = [each.payload for each in connection.notifies]
        connection.notifies.clear()
        return found
    wire, found = connection.pgconn, []
    wire.consume_input()
    while (notification := wire.notifies()) is not None:
        found.append(notification.extra.decode("utf-8", "replace"))
    return found
