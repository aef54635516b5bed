"""One partition in the hands of a member: what was read of it, what is being handled. Pure.

    state    pending  taken  what ends it
    empty    none     none   `add`, `follow`: ready
    ready    some     none   `take`: busy
    busy     some     some   `settle`: ready or empty; held, where the first event failed
    held     some     none   its time has come: ready; `skip`: ready or empty

Any of them may be `leaving` as well: nothing more is taken then, and it is given up once it is not busy. And
any may be `fresh`: the log may have more than was read; what is appended then is not taken from memory, as it
does not follow what is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from outboard.sidecar.components.sqlite.log.events import LogEvent, Wanted

__all__ = ["Partition"]


class Partition:
    """Events of one partition in their order, of which one run at a time is handled.

    `committed` is the offset up to which everything is settled. `capacity` bounds what is held in memory.
    """

    def __init__(self, number: int, committed: int, capacity: int) -> None:
        self.number = number
        self.committed = committed
        self.fresh = True
        """There may be events in the log that were not read yet."""
        self.leaving = False
        """Another member is to have it: nothing more is taken."""
        self.held = False
        """The first event failed, and its time has not come yet."""
        self.queued = False
        """It waits to be taken from."""
        self.failures = 0
        """How often the first event has failed in a row."""
        self.first_failure = 0.0
        self._capacity = capacity
        self._read = committed
        self._pending: deque[LogEvent] = deque()
        self._taken = 0

    @property
    def busy(self) -> bool:
        """Whether events of it are being handled."""
        return self._taken > 0

    @property
    def ready(self) -> bool:
        """Whether events can be taken."""
        return bool(self._pending) and not (self.busy or self.held or self.leaving)

    @property
    def wanted(self) -> Wanted | None:
        """What to read next; None while half of its room is filled."""
        if len(self._pending) > self._capacity // 2 or self.leaving:
            return None
        return Wanted(self._read, self._capacity - len(self._pending))

    @property
    def readable(self) -> bool:
        """Whether there may be events to read, and there is room for them."""
        return self.fresh and self.wanted is not None

    def add(self, events: Sequence[LogEvent], more: bool) -> None:
        """What was read as `wanted`; `more` if the log may have more by now."""
        self.fresh = more
        if events:
            self._pending.extend(events)
            self._read = events[-1].offset

    def follow(self, event: LogEvent) -> bool:
        """Add the newest event of the log; where it cannot be added yet, it is to be read in its time.

        Whether it is the only one now.
        """
        pending = self._pending
        if self.fresh or event.offset <= self._read:  # there is a gap before it, or it was read already
            return False
        if self.leaving or len(pending) >= self._capacity:
            self.fresh = True  # from here on only the log knows what comes next
            return False
        pending.append(event)
        self._read = event.offset
        return len(pending) == 1

    def take(self, count: int) -> list[LogEvent]:
        """The first events, `count` at most, to be handled now."""
        taken = list(islice(self._pending, count))
        self._taken = len(taken)
        return taken

    def settle(self, settled: Sequence[bool]) -> bool:
        """What became of the events taken: whether the first that is left has failed.

        Those that are not settled stay where they were, in front of the rest; those behind one of them that
        are settled do not come again, unless another member has to begin at `committed`.
        """
        taken = [self._pending.popleft() for _ in settled]
        failed = [event for event, done in zip(taken, settled, strict=True) if not done]
        self._pending.extendleft(reversed(failed))  # before what came meanwhile: they are older
        self._taken = 0
        if settled[0]:
            self.failures = 0
        self.committed = failed[0].offset - 1 if failed else taken[-1].offset
        return bool(failed)

    def skip(self) -> LogEvent:
        """Give up the first event."""
        event = self._pending.popleft()
        self.failures, self.committed = 0, event.offset
        return event
