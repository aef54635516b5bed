"""One log file, open in one sidecar: what publishers and subscriptions share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from outboard.clock import Clock
from outboard.sidecar.components.port import ComponentError, Message, StoredPlace
from outboard.sidecar.components.pubsub.partitioned import partition_of
from outboard.sidecar.components.sqlite.log import events, retention, wakeup
from outboard.sidecar.components.sqlite.log.events import Appended, LogEvent, LogTopic, Row
from outboard.sidecar.components.sqlite.log.file import connect, prepare
from outboard.sidecar.components.sqlite.log.loss_warnings import LossWarnings
from outboard.sidecar.components.sqlite.log.position import Position
from outboard.sidecar.components.sqlite.log.positions import Claim
from outboard.sidecar.components.sqlite.log.reader import LogReader, reading
from outboard.sidecar.components.sqlite.log.retention import RetentionLimits
from outboard.sidecar.components.sqlite.log.settings import LogSettings
from outboard.sidecar.components.sqlite.log.writer import LogWriter
from outboard.sidecar.components.sqlite.presence import presence
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["Log", "Watcher", "opened"]

logger = logging.getLogger(__name__)

KAFKA_KEY: Final = "__key"
COMMIT_WITHIN: Final = 0.005
"""Seconds after which an offset is committed at the latest, if no event is published before."""
SWEEP_AFTER: Final = 256 * 1024
"""Stored bytes after which it is time to look for what is to be deleted."""
SWEEP_EVERY: Final = 60.0
"""Seconds after which it is time at the latest: events grow old where none are published, too."""
ROW_OVERHEAD: Final = 64
"""Bytes, about, that an event takes in the file besides what it says."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A subscription that wants to hear of news, of changes of membership, and of claims that do not hold.

    `appended` is told the events that this process has written itself, in the order of the log.
    """

    news: Callable[[], None]
    appended: Callable[[Appended], None]
    members: Callable[[], None]
    refused: Callable[[Claim], None]


class Log:
    """Made by `opened`. `port` is where this process hears of news, 0 for nowhere."""

    def __init__(self, settings: LogSettings, clock: Clock, reader: LogReader) -> None:
        self.settings = settings
        self.clock = clock
        self.reader = reader
        self.port = 0
        self.writer = LogWriter(
            partial(connect, settings.path, settings.busy_timeout),
            presence(settings.path),
            settings.busy_timeout,
            lambda ports: self._caller.call([port for port in ports if port != self.port], wakeup.NEWS),
            self._refused,
        )
        self._caller = wakeup.Caller()
        self._watchers: list[Watcher] = []
        self._topics: dict[str, LogTopic] = {}
        self._newest = 0
        """The offset of the last event of the file that watchers have been told of."""
        self._unkeyed = count()
        self._flush: asyncio.TimerHandle | None = None
        self._unswept = SWEEP_AFTER  # a look at the start
        self._grown = asyncio.Event()
        self._losses = LossWarnings(logger.warning, clock.monotonic)

    async def topic(self, name: str) -> LogTopic:
        """The topic `name`, made where it is new. Raises ComponentError."""
        known = self._topics.get(name)
        if known is None:
            wanted = self.settings.partitions
            known = self._topics[name] = await self.writer.do(
                lambda connection: events.open_topic(connection, name, wanted)
            )
            if known.partitions != wanted:
                text = "topic '%s' of %s keeps its %d partitions: `partitions` (%d) is for new topics only"
                logger.warning(text, name, self.settings.path, known.partitions, wanted)
        return known

    async def append(self, topic_name: str, messages: Sequence[Message]) -> None:
        """Return once all `messages` are on the disk, in their order. Raises ComponentError: none is."""
        topic = await self.topic(topic_name)
        if not messages:
            return
        now = self.now()
        rows = [self._row(topic, message, now) for message in messages]
        first = await self.writer.append(rows)
        self._newest = max(self._newest, first + len(rows) - 1)
        for offset, (row, message) in enumerate(zip(rows, messages, strict=True), first):
            if message.place is not None:
                message.place.partition, message.place.offset = str(row[1]), str(offset)
        if self._watchers:
            placed = enumerate(zip(rows, messages, strict=True), first)
            appended = Appended(
                topic, [(row[1], LogEvent(at, _placed(message, row[1], at))) for at, (row, message) in placed]
            )
            for watcher in self._watchers:
                watcher.appended(appended)
        self._unswept += sum(len(row[4]) + len(row[5]) + ROW_OVERHEAD for row in rows)
        if self._unswept >= SWEEP_AFTER:
            self._grown.set()

    def commit(self, moves: Mapping[Claim, Position]) -> None:
        """Commit the positions of `moves` soon: with the next events, or by themselves where none come."""
        self.writer.commit(moves)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(COMMIT_WITHIN, self._flush_now)

    def call_members(self, ports: Sequence[int]) -> None:
        """Tell all members, those of this process too, that their group has changed."""
        self._caller.call(ports, wakeup.MEMBERS)

    @asynccontextmanager
    async def watched(self, watcher: Watcher) -> AsyncIterator[None]:
        """Tell `watcher` while the block runs."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    def heard(self, what: bytes) -> None:
        """Somebody said so, by a datagram."""
        for watcher in self._watchers:
            if what == wakeup.MEMBERS:
                watcher.members()
            else:
                watcher.news()

    async def look_forever(self) -> None:
        """Tell of news that nobody called out: one look for all subscriptions, however many there are."""
        while True:
            await asyncio.sleep(wakeup.LOOK_EVERY if self.port else wakeup.LOOK_OFTEN)
            if self._watchers and await self._has_grown():
                for watcher in self._watchers:
                    watcher.news()

    async def _has_grown(self) -> bool:
        """What cannot be read counts as news: whoever reads it tells what is wrong."""
        try:
            newest = await self.reader.newest()
        except ComponentError:
            return True
        known, self._newest = self._newest, max(self._newest, newest)
        return newest > known

    async def sweep_forever(self) -> None:
        """Delete old events, whenever enough was published, and from time to time."""
        settings = self.settings
        limits = RetentionLimits(int(settings.retention * 1000), settings.retention_bytes)
        while True:
            if self._unswept < SWEEP_AFTER:
                self._grown.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP_EVERY):
                        await self._grown.wait()
            self._unswept = 0
            try:
                await self._sweep(limits)
            except ComponentError as error:
                logger.warning("old events of %s are not deleted: %s", settings.path, error)

    async def close(self) -> None:
        """Write what waits, and close the file."""
        if self._flush is not None:
            self._flush.cancel()
        await self.writer.close()
        self._caller.close()

    async def _sweep(self, limits: RetentionLimits) -> None:
        more = True
        while more:
            swept = await self.writer.do(partial(retention.sweep, limits=limits, now=self.now()))
            self._losses.tell(swept.lost)
            more = swept.more

    def _row(self, topic: LogTopic, message: Message, now: int) -> Row:
        key = message.metadata.get(PARTITION_KEY) or message.metadata.get(KAFKA_KEY)
        among = topic.partitions
        partition = partition_of(key, among) if key else next(self._unkeyed) % among
        return events.row_of(topic, partition, message, now)

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.now().timestamp() * 1000)

    def _flush_now(self) -> None:
        self._flush = None
        self.writer.flush()

    def _refused(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            for watcher in self._watchers:
                watcher.refused(claim)


@asynccontextmanager
async def opened(settings: LogSettings, clock: Clock) -> AsyncIterator[Log]:
    """The log at `settings.path`, made where there is none, while the block runs. Raises ComponentError."""
    await asyncio.to_thread(prepare, settings.path, settings.busy_timeout)
    async with reading(partial(connect, settings.path, settings.busy_timeout)) as reader:
        log = Log(settings, clock, reader)
        try:
            await _open_writer(log)
            async with wakeup.listening(log.heard) as log.port:
                tasks = [asyncio.create_task(each()) for each in (log.sweep_forever, log.look_forever)]
                try:
                    yield log
                finally:
                    for task in tasks:
                        task.cancel()
                        with suppress(asyncio.CancelledError):
                            await task
        finally:
            await log.close()


def _placed(message: Message, partition: int, offset: int) -> Message:
    """With its place, where nothing else may tell it from others; as one that is read from the file has."""
    if message.known is not None or message.place is not None:
        return message
    return message._replace(place=StoredPlace(str(partition), str(offset)))


async def _open_writer(log: Log) -> None:
    try:
        await log.writer.open()
    except ComponentError as error:
        raise ComponentError(f"{log.settings.path} cannot be used: {error}") from error
