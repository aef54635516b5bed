"""A member of a group, from joining to leaving: it beats, and holds a share of the partitions."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.sqlite.log import coordinator, positions
from outboard.sidecar.components.sqlite.log.coordinator import Assignment, Subscriber
from outboard.sidecar.components.sqlite.log.events import newest
from outboard.sidecar.components.sqlite.log.liveness import Observer
from outboard.sidecar.components.sqlite.log.log import Log
from outboard.sidecar.components.sqlite.log.positions import Claim

__all__ = ["Membership"]

logger = logging.getLogger(__name__)

BETWEEN_TENDS: Final = 0.01
"""Seconds at least, however many datagrams say that the group has changed."""
NOTHING: Final = Assignment({}, frozenset(), frozenset(), {})


class Membership:
    """That of `subscriber`. `hold` is told each assignment of partitions."""

    def __init__(
        self,
        log: Log,
        subscriber: Subscriber,
        observer: Observer,
        hold: Callable[[Assignment], None],
    ) -> None:
        self._log = log
        self._subscriber = subscriber
        self._observer = observer
        self._hold = hold
        self._member = 0
        self._valid_until = 0.0
        self._changed = asyncio.Event()

    @property
    def lapsed(self) -> bool:
        """Whether it has not beaten for so long that others may have taken over: the process was stopped."""
        return self._observer.now() > self._valid_until

    def claim(self, partition: int) -> Claim:
        """What entitles to go on with `partition`, as long as it is held."""
        return Claim(self._subscriber.group, self._subscriber.topic.id, partition, self._member)

    def changed(self) -> None:
        """The group is not what it was: see to one's share soon."""
        self._changed.set()

    async def join(self) -> int:
        """Become a member: the offset of the newest event. Raises ComponentError."""
        log, subscriber, initial = self._log, self._subscriber, self._log.settings.initial_offset

        def join(connection: sqlite3.Connection) -> tuple[int, int]:
            return coordinator.join(connection, subscriber, initial), newest(connection)

        self._member, seen = await log.writer.do(join)
        await self._call_members()
        return seen

    async def leave(self) -> None:
        """Give up all partitions and the membership."""
        with suppress(ComponentError):  # then the others find out when it beats no longer
            await self._log.writer.do(
                lambda connection: coordinator.leave(connection, self._subscriber, self._member)
            )
            await self._call_members()

    async def tend(self) -> None:
        """Beat, and take over or let go of partitions. Raises ComponentError."""
        began, now = self._observer.now(), self._log.now()
        assignment = await self._log.writer.do(
            lambda connection: coordinator.tend(
                connection, self._subscriber, self._member, self._observer, now
            )
        )
        if assignment is None:
            text = "group '%s' went on without this consumer, which was silent for too long: it joins anew"
            logger.warning(text, self._subscriber.group)
            self._hold(NOTHING)
            await self.join()
            self.changed()
            return
        self._valid_until = began + self._log.settings.session_timeout
        self._hold(assignment)

    async def tend_forever(self) -> None:
        """`tend` with each heartbeat, and whenever the group has changed."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._log.settings.heartbeat_interval):
                    await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(BETWEEN_TENDS)
            try:
                await self.tend()
            except ComponentError as error:
                logger.warning("no heartbeat of group '%s': %s", self._subscriber.group, error)

    async def release(self, claim: Claim) -> None:
        """Let another member have the partition of `claim`."""
        with suppress(ComponentError):  # tried again with the next heartbeat
            await self._log.writer.do(lambda connection: positions.release(connection, [claim]))
            await self._call_members()

    async def _call_members(self) -> None:
        self._log.call_members(await self._log.writer.do(coordinator.ports))
