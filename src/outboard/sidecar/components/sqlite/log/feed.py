"""Where the events of a subscription come from: the log, or straight from this process's publishers.

All topics of a file share one row of offsets, and `seen` is how far this feed has come in it. What this
process appends, from offset `first` to `last`, is

    while a read is under way  kept until it ends, which may have found some of it; too much: left to the log
    last <= seen               left out: a read has found it
    first = seen + 1           taken from memory: nothing of anybody else lies between
    first > seen + 1           left to the log: another process has written before it
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from outboard.sidecar.components.sqlite.log.events import Appended, LogTopic, ReadResult
from outboard.sidecar.components.sqlite.log.log import Log
from outboard.sidecar.components.sqlite.log.partition import Partition

__all__ = ["Feed"]

WAITING: Final = 1_000
"""Events that may be appended during one read; where there are more, they are read from the log instead."""


class Feed:
    """Fills the `partitions` of `topic` that are held, by number; `filled` is told which have got events.

    What this process appends is taken as it is in memory, if all that lies before it in the log is there.
    """

    def __init__(
        self,
        log: Log,
        topic: LogTopic,
        partitions: Mapping[int, Partition],
        filled: Callable[[Partition], None],
    ) -> None:
        self._log = log
        self._topic = topic
        self._partitions = partitions
        self._filled = filled
        self._seen = 0
        """The offset up to which every event is in its partition, or its partition is marked `fresh`."""
        self._reading = False
        self._waiting: deque[Appended] = deque()
        self._look = asyncio.Event()

    def begin(self, seen: int) -> None:
        """What lies behind offset `seen` is news; the partitions themselves know what they lack before it."""
        self._seen = seen

    def look(self) -> None:
        """There may be something to read."""
        self._look.set()

    def appended(self, appended: Appended) -> None:
        """This process has written something."""
        if not self._reading:
            self._follow(appended)
            return
        self._waiting.append(appended)
        if sum(len(each.events) for each in self._waiting) > WAITING:
            self._waiting.clear()  # the gap that this leaves sends what follows to the log
            self._look.set()

    async def read_forever(self) -> None:
        """Raises ComponentError where the log cannot be read."""
        while True:
            self._look.clear()
            if not await self._read():
                await self._look.wait()

    async def _read(self) -> bool:
        """Whether there is more to read at once."""
        asked = dict(self._partitions)  # partitions come and go while the thread reads
        wanted = {number: each for number, held in asked.items() if (each := held.wanted)}
        fresh = [number for number in wanted if asked[number].fresh]
        self._reading = True
        try:
            found = await self._log.reader.read(self._topic, self._seen, wanted, fresh)
        finally:
            self._reading = False
        more = self._take(found, asked)
        while self._waiting:
            self._follow(self._waiting.popleft())
        return more

    def _take(self, found: ReadResult, asked: Mapping[int, Partition]) -> bool:
        self._seen = found.seen
        more = False
        for number, partition in asked.items():
            if self._partitions.get(number) is not partition:  # given up since, perhaps claimed anew
                continue
            if number in found.events:
                partition.add(found.events[number], number in found.unread)
                self._filled(partition)
            elif number in found.news:  # it had no room when the read began
                partition.fresh = True
            more = more or partition.readable
        return more

    def _follow(self, appended: Appended) -> None:
        events = appended.events
        last = events[-1][1].offset
        if last <= self._seen:
            return
        if events[0][1].offset != self._seen + 1:
            self._look.set()
            return
        self._seen = last  # also where it is of another topic: the offsets are the file's
        if appended.topic.id != self._topic.id:
            return
        partitions = self._partitions
        for number, event in events:
            partition = partitions.get(number)
            if partition is not None and partition.follow(event):
                self._filled(partition)
