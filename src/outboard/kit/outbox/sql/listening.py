"""Hears at once what others commit: PostgreSQL's LISTEN, on a connection of its own.

What is heard is a hint. Where there is none, a relay looks about every second: on SQLite, on Windows with
psycopg, whose socket its event loop cannot watch, and behind a pooler that gives each transaction another
connection, as PgBouncer does in its transaction mode: it delivers notifications to nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import Final, NamedTuple

from sqlalchemy import Connection, Table, text

from outboard.clock import Clock
from outboard.kit.outbox.sql.engine import LazyEngine, reason_of
from outboard.kit.outbox.sql.notifications import listening

__all__ = ["Heard", "NotifyListener", "channel_of", "payload_of"]

log: Final = logging.getLogger("outboard.outbox")

LONGEST_NAME: Final = 63
"""Bytes, of a channel (PostgreSQL, "NOTIFY")."""
ECHO_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 10.0


class Heard(NamedTuple):
    """A commit: of these partitions, by the process `origin`; whether something of it waits for its time."""

    partitions: frozenset[int]
    scheduled: bool
    origin: str


def channel_of(outbox: Table) -> str:
    """Where commits to this outbox are told of."""
    name = outbox.fullname
    if len(name.encode("utf-8")) <= LONGEST_NAME:
        return name
    return f"outboard_{blake2b(name.encode('utf-8'), digest_size=16).hexdigest()}"


def payload_of(partitions: Collection[int], origin: str, *, scheduled: bool) -> str:
    """What is told, as `Heard` reads it."""
    mask = sum(1 << each for each in set(partitions))
    return f"{mask:x} {scheduled:d} {origin}"


def _heard(payload: str) -> Heard | None:
    """None for what is none of ours: any role of the database may notify."""
    try:
        mask, scheduled, origin = payload.split(" ")
        number = int(mask, 16)
    except ValueError:
        return None
    partitions = frozenset(each for each in range(number.bit_length()) if number >> each & 1)
    return Heard(partitions, scheduled == "1", origin)


class NotifyListener:
    """Calls a function for each commit to an outbox of which the database tells."""

    def __init__(self, engine: LazyEngine, outbox: Table, clock: Clock) -> None:
        self._engine = engine
        self._channel = channel_of(outbox)
        self._clock = clock

    async def run(self, tell: Callable[[Heard], None]) -> None:
        """Until cancelled, or for as long as the database can be listened to."""
        while await self._listens(tell):
            await self._clock.sleep(AGAIN_SECONDS)

    async def _listens(self, tell: Callable[[Heard], None]) -> bool:
        """Until the connection breaks; whether to try again."""
        ended, echo = asyncio.Event(), asyncio.Event()

        def heard(payload: str) -> None:
            found = _heard(payload)
            if found is None:
                echo.set()
            else:
                tell(found)

        try:
            async with listening(self._engine.engine, self._channel, heard, ended.set) as does:
                if not does:
                    return False
                await self._engine.run("notify", self._notify)
                try:
                    async with asyncio.timeout(ECHO_SECONDS):
                        await echo.wait()
                except TimeoutError:
                    log.info(
                        "PostgreSQL's notifications do not arrive, as behind a pooler in transaction mode: "
                        "the outbox is looked at about every second"
                    )
                    return False
                await ended.wait()
        except Exception as error:  # of any driver: whatever it is, a relay goes on without
            log.info("the outbox is not listened to for now: %s", reason_of(error, "outbox"))
        return True

    def _notify(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": self._channel})
